from __future__ import annotations

import datetime
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.filters import (
    BackgroundActivity,
    BackgroundActivityConfig,
    Filter,
    FilterConfig,
    HotPixels,
    HotPixelsConfig,
    RefractoryConfig,
    hot_pixels,
    preview,
)
from events.packet import EventPacket, SensorSize, empty_packet, pack_events

SENSOR = SensorSize(16, 12)
START_US = 1_700_000_000_000_000
CONFIGS: tuple[FilterConfig, ...] = (
    BackgroundActivityConfig(),
    RefractoryConfig(),
    HotPixelsConfig(
        learn_us=10_000, ratio=1, min_rate_hz=0
    ),  # so that some pixels of noise are hot
)


def noise(num: int, duration_us: int, seed: int, start_us: int = START_US) -> EventPacket:
    random = np.random.default_rng(seed)
    t = np.sort(random.integers(start_us, start_us + duration_us, num))
    x, y = random.integers(0, 16, num), random.integers(0, 12, num)
    events = pack_events(t, x, y, random.integers(0, 2, num))
    return EventPacket(events, SENSOR, start_us, start_us + duration_us)


def events_at(rows: list[tuple[int, int, int]], duration_us: int = 10_000) -> EventPacket:
    """Return events of (microseconds after the start, x, y)."""
    t, x, y = np.array(rows, np.int64).T
    events = pack_events(t + START_US, x, y, np.ones(len(rows)))
    return EventPacket(events, SENSOR, START_US, START_US + duration_us)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(CONFIGS),
    st.integers(0, 300),
    st.lists(st.integers(1, 999), max_size=5),
    st.integers(0, 99),
)
def test_cutting_a_stream_into_packets_changes_nothing(
    config: FilterConfig, num: int, cuts: list[int], seed: int
) -> None:
    scale = 35 if isinstance(config, HotPixelsConfig) else 1  # it learns three times meanwhile
    whole = noise(num, scale * 1_000, seed)
    edges = [START_US + scale * cut for cut in sorted({0, 1_000, *cuts})]
    step = config.build()
    parts = [step.apply(whole.between(a, b)) for a, b in pairwise(edges)]
    joined = np.concatenate([part.events for part in parts], dtype=whole.events.dtype)
    np.testing.assert_array_equal(joined, config.build().apply(whole).events)
    assert [(part.start_us, part.end_us) for part in parts] == list(pairwise(edges))
    assert step.num_seen == num
    assert step.num_removed == num - len(joined)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_filter_keeps_the_contract(config: FilterConfig) -> None:
    step = config.build()
    assert isinstance(step, Filter)
    packet = noise(500, 1_000, seed=0)
    lossy = EventPacket(packet.events, SENSOR, packet.start_us, packet.end_us, num_lost=9)
    before = packet.events.tobytes()
    kept = step.apply(lossy)
    assert (kept.start_us, kept.end_us, kept.num_lost) == (lossy.start_us, lossy.end_us, 9)
    assert (np.diff(kept.t) >= 0).all()
    assert packet.events.tobytes() == before
    assert len(step.apply(empty_packet(SENSOR, packet.end_us, packet.end_us + 5))) == 0
    step.reset()
    assert (step.num_seen, step.num_removed) == (0, 0)


@pytest.mark.parametrize("config", [BackgroundActivityConfig(), RefractoryConfig()])
def test_a_jump_starts_anew(config: FilterConfig) -> None:
    step = config.build()
    packet = noise(300, 1_000, seed=4)
    first = step.apply(packet)
    np.testing.assert_array_equal(step.apply(packet).events, first.events)


def test_another_sensor_starts_anew() -> None:
    for config in CONFIGS:
        step = config.build()
        step.apply(noise(50, 1_000, seed=0))
        larger = SensorSize(64, 48)
        events = pack_events([START_US + 1_000], [63], [47], [1])
        step.apply(EventPacket(events, larger, START_US + 1_000, START_US + 2_000))
        assert step.num_seen == 51


def test_background_activity_keeps_events_with_company() -> None:
    rows = [(0, 5, 5), (100, 6, 6), (2_100, 5, 6), (2_200, 5, 6), (4_500, 0, 0), (4_600, 2, 0)]
    kept = BackgroundActivity().apply(events_at(rows))
    # At 2,100 both neighbours are 2,000 old or older, and a pixel is not its own company.
    assert (kept.t - START_US).tolist() == [100]
    longer = BackgroundActivity(BackgroundActivityConfig(duration_us=2_001))
    assert (longer.apply(events_at(rows)).t - START_US).tolist() == [100, 2_100]


@pytest.mark.parametrize("duration_us", [50, 500, 2_000])
def test_background_activity_equals_that_of_dv_processing(duration_us: int) -> None:
    dv = pytest.importorskip("dv_processing")
    packet = noise(3_000, 10_000, seed=1)
    store = dv.EventStore()
    for event in packet.events.tolist():
        store.push_back(event[0], event[1], event[2], bool(event[3]))
    theirs = dv.noise.BackgroundActivityNoiseFilter(
        (16, 12), datetime.timedelta(microseconds=duration_us)
    )
    theirs.accept(store)
    expected = theirs.generateEvents().numpy()
    ours = BackgroundActivity(BackgroundActivityConfig(duration_us=duration_us)).apply(packet)
    assert 0 < len(ours) < len(packet)
    np.testing.assert_array_equal(ours.t, expected["timestamp"])
    np.testing.assert_array_equal(ours.x, expected["x"])


def test_a_refractory_pixel_rests_after_each_event_that_stays() -> None:
    rows = [(0, 1, 1), (60, 1, 1), (80, 2, 1), (100, 1, 1), (199, 1, 1), (200, 1, 1)]
    kept = RefractoryConfig(period_us=100).build().apply(events_at(rows))
    assert (kept.t - START_US).tolist() == [0, 80, 100, 200]


def test_a_hot_pixel_is_learnt_and_masked_and_released() -> None:
    step = HotPixels(HotPixelsConfig(learn_us=10_000, min_rate_hz=100))
    assert step.mask.shape == (0, 0)
    hot = [(t, 3, 2) for t in range(0, 10_000, 100)]
    first = events_at(hot)
    assert len(step.apply(first)) == 100  # it cannot know yet
    assert np.argwhere(step.mask).tolist() == [[2, 3]]
    again = EventPacket(
        pack_events(first.t + 10_000, first.x, first.y, first.p),
        SENSOR, first.end_us, first.end_us + 10_000,
    )  # fmt: skip
    assert len(step.apply(again)) == 0
    step.apply(empty_packet(SENSOR, again.end_us, again.end_us + 10_000))
    assert not step.mask.any()


def test_a_busy_edge_is_no_hot_pixel() -> None:
    counts = np.zeros((12, 16), np.int32)
    counts[:, 7:9] = 400
    assert not hot_pixels(counts, 1_000_000, HotPixelsConfig()).any()
    counts[0, 0] = 400
    assert np.argwhere(hot_pixels(counts, 1_000_000, HotPixelsConfig())).tolist() == [[0, 0]]


def test_a_preview_says_what_would_go() -> None:
    packets = [noise(2_000, 1_000, seed=3), noise(2_000, 1_000, 4, START_US + 1_000)]
    rates = preview([BackgroundActivityConfig(duration_us=1)], packets)
    assert rates.before_hz == pytest.approx(2e6)
    assert rates.after_hz < rates.before_hz
    assert str(rates).startswith("2.00→")
    assert str(preview([], [])) == "0.00→0.00 Mev/s"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BackgroundActivityConfig(duration_us=0), "duration_us .* 10,000,000, got 0"),
        (lambda: RefractoryConfig(period_us=-5), "period_us must lie between 1 and .*, got -5"),
        (lambda: HotPixelsConfig(learn_us=0), "learn_us must lie between 10,000 and .*, got 0"),
        (lambda: HotPixelsConfig(ratio=0.5), "ratio must lie between 1 and 1,000,000, got 0.5"),
        (lambda: HotPixelsConfig(min_rate_hz=-1), "min_rate_hz must lie between 0 and .*, got -1"),
        (lambda: HotPixelsConfig(ratio=math.nan), "ratio .*, got nan"),
        (lambda: RefractoryConfig(period_us=10**15), "period_us .*, got 1000000000000000"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()
