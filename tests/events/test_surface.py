import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.packet import EventPacket, SensorSize, empty_packet, pack_events
from events.surface import NEVER_US, Surface

SENSOR = SensorSize(6, 4)
START_US = 1_700_000_000_000_000


def packet(seed: int, num: int, start_us: int = START_US) -> EventPacket:
    random = np.random.default_rng(seed)
    t = np.sort(random.integers(start_us, start_us + 1_000, num))
    events = pack_events(
        t, random.integers(0, 6, num), random.integers(0, 4, num), random.integers(0, 2, num)
    )
    return EventPacket(events, SENSOR, start_us, start_us + 1_000)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 99), st.integers(0, 80))
def test_each_pixel_keeps_its_newest_event_and_its_count(seed: int, num: int) -> None:
    events = packet(seed, num)
    surface = Surface(SENSOR)
    surface.add(events)
    newest, polarity = np.full((4, 6), NEVER_US), np.zeros((4, 6))
    counts = np.zeros((4, 6))
    for t, x, y, p in zip(events.t, events.x, events.y, events.p, strict=True):
        newest[y, x], polarity[y, x] = t, p
        counts[y, x] += 1 if p else -1
    np.testing.assert_array_equal(surface.newest_us, newest)
    np.testing.assert_array_equal(surface.polarity, polarity)
    np.testing.assert_array_equal(surface.accumulated, counts)
    assert surface.num_events == num
    now_us = START_US + 2_000
    expected = (2 * polarity - 1) * np.exp(-(now_us - newest) / 700)
    np.testing.assert_allclose(surface.decayed(now_us, 700), expected, rtol=1e-4, atol=1e-6)


def test_an_event_decays_to_1_by_e_after_tau() -> None:
    surface = Surface(SENSOR)
    surface.add(
        EventPacket(pack_events([START_US], [1], [2], [0]), SENSOR, START_US, START_US + 10)
    )
    level = surface.decayed(START_US + 50_000, 50_000)
    assert level[2, 1] == pytest.approx(-np.exp(-1), rel=1e-5)
    assert np.count_nonzero(level) == 1


def test_events_after_the_instant_shown_are_dark() -> None:
    surface = Surface(SENSOR)
    surface.add(packet(0, 50))
    assert not surface.decayed(START_US - 1, 1_000).any()


def test_touching_packets_add_up_and_a_jump_clears() -> None:
    surface = Surface(SENSOR)
    surface.add(packet(0, 50))
    surface.add(empty_packet(SENSOR, START_US + 1_000, START_US + 2_000))
    assert surface.num_events == 50
    surface.add(packet(1, 3, START_US + 500))
    assert surface.num_events == 3
    assert np.abs(surface.accumulated).sum() <= 3


def test_a_packet_of_another_sensor_is_refused() -> None:
    with pytest.raises(ValueError, match="the surface is 6x4, got a packet of 2x2"):
        Surface(SENSOR).add(empty_packet(SensorSize(2, 2), 0, 1))


def test_a_decay_needs_a_positive_time() -> None:
    with pytest.raises(ValueError, match="tau_us must be positive, got 0"):
        Surface(SENSOR).decayed(0, 0)
