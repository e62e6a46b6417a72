from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.packet import NEVER_US, EventPacket, SensorSize, empty_packet, pack_events
from events.surface import Surface

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
def test_each_pixel_keeps_its_newest_event(seed: int, num: int) -> None:
    events = packet(seed, num)
    surface = Surface(SENSOR)
    surface.add(events)
    newest, polarity = np.full((4, 6), NEVER_US), np.zeros((4, 6))
    for t, x, y, p in zip(events.t, events.x, events.y, events.p, strict=True):
        newest[y, x], polarity[y, x] = t, p
    np.testing.assert_array_equal(surface.newest_us, newest)
    np.testing.assert_array_equal(surface.polarity, polarity)
    assert surface.num_events == num


def test_touching_packets_add_up_and_a_jump_clears() -> None:
    surface = Surface(SENSOR)
    surface.add(packet(0, 50))
    surface.add(empty_packet(SENSOR, START_US + 1_000, START_US + 2_000))
    assert surface.num_events == 50
    surface.add(packet(1, 3, START_US + 500))
    assert surface.num_events == 3
    assert np.count_nonzero(surface.newest_us > NEVER_US) <= 3


def test_a_packet_of_another_sensor_is_refused() -> None:
    with pytest.raises(ValueError, match="the surface is 6x4, got a packet of 2x2"):
        Surface(SENSOR).add(empty_packet(SensorSize(2, 2), 0, 1))
