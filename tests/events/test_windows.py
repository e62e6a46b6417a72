from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.packet import EventPacket, SensorSize, empty_packet, pack_events
from events.windows import Window, WindowConfig, Windower, slide

SENSOR = SensorSize(32, 24)
START_US = 10**15


def stream(
    times_us: list[int], start_us: int, end_us: int, cuts_us: list[int]
) -> list[EventPacket]:
    """Return touching packets with an event at each time, cut at ``cuts_us``."""
    t = np.sort(np.array(times_us, np.int64))
    number = np.arange(len(t))
    events = pack_events(t, number % 32, number // 32 % 24, number % 2)
    whole = EventPacket(events, SENSOR, start_us, end_us)
    edges = sorted({start_us, *(cut for cut in cuts_us if start_us < cut < end_us), end_us})
    return [whole.between(a, b) for a, b in pairwise(edges)]


def packets_of(num: int, length_us: int = 10_000, start_us: int = START_US) -> list[EventPacket]:
    """Return ``num`` touching packets with an event at each millisecond."""
    end_us = start_us + num * length_us
    cuts = list(range(start_us, end_us, length_us))
    return stream(list(range(start_us, end_us, 1_000)), start_us, end_us, cuts)


def spans(windows: list[Window]) -> list[tuple[int, int]]:
    return [(w.packet.start_us - START_US, w.packet.end_us - START_US) for w in windows]


def by_events(length: int, stride: int | None = None) -> WindowConfig:
    return WindowConfig(length_us=None, stride_us=None, length_events=length, stride_events=stride)


@st.composite
def streams(draw: st.DrawFn) -> list[EventPacket]:
    start_us = draw(st.integers(0, 2**50))
    end_us = start_us + draw(st.integers(1, 500))
    instants = st.integers(start_us, end_us - 1)
    times = draw(st.lists(instants, max_size=60))
    return stream(times, start_us, end_us, draw(st.lists(instants, max_size=8)))


@settings(max_examples=200, deadline=None)
@given(streams(), st.integers(1, 120), st.integers(1, 120), st.none() | st.integers(-500, 2**51))
def test_time_windows_hold_exactly_the_events_of_their_span_and_lose_none(
    packets: list[EventPacket], length_us: int, stride_us: int, anchor_us: int | None
) -> None:
    config = WindowConfig(length_us=length_us, stride_us=stride_us, anchor_us=anchor_us)
    windows = list(slide(packets, config))
    times = np.concatenate([packet.t for packet in packets])
    start_us, end_us = packets[0].start_us, packets[-1].end_us
    for number, window in enumerate(windows):
        first, last = window.packet.start_us, window.packet.end_us
        assert window.index == number
        assert last - first == length_us
        assert (first - (start_us if anchor_us is None else anchor_us)) % stride_us == 0
        assert first == windows[0].packet.start_us + number * stride_us
        assert window.is_partial == (first < start_us or last > end_us)
        np.testing.assert_array_equal(window.packet.t, times[(times >= first) & (times < last)])
    assert sum(window.is_partial and window.packet.end_us > end_us for window in windows) <= 1
    seen = np.zeros(len(times), bool)
    for window in windows:
        seen |= (times >= window.packet.start_us) & (times < window.packet.end_us)
    if stride_us <= length_us:
        assert seen.all()


@settings(max_examples=100, deadline=None)
@given(streams(), st.integers(1, 30), st.integers(1, 30))
def test_count_windows_hold_consecutive_events_and_lose_none(
    packets: list[EventPacket], length: int, stride: int
) -> None:
    windows = list(slide(packets, by_events(length, stride)))
    events = np.concatenate([packet.events for packet in packets], dtype=packets[0].events.dtype)
    seen = np.zeros(len(events), bool)
    for number, window in enumerate(windows):
        first = number * stride
        np.testing.assert_array_equal(window.packet.events, events[first : first + length])
        assert window.is_partial == (len(window.packet) < length)
        assert len(window.packet) > 0
        seen[first : first + length] = True
    if stride <= length:
        assert seen.all()


def test_events_of_one_microsecond_make_windows_of_one_microsecond() -> None:
    packets = stream([START_US + 7] * 10, START_US, START_US + 100, [])
    windows = list(slide(packets, by_events(4)))
    assert spans(windows) == [(7, 8)] * 3
    assert [len(w.packet) for w in windows] == [4, 4, 2]
    assert [w.is_partial for w in windows] == [False, False, True]


def test_one_event_is_one_partial_window_and_none_is_none() -> None:
    [window] = slide(stream([START_US], START_US, START_US + 9, []), by_events(5))
    assert (window.packet.start_us, window.packet.end_us) == (START_US, START_US + 1)
    assert window.is_partial
    assert list(slide(stream([], START_US, START_US + 9, []), by_events(1))) == []


def test_where_a_stream_stands_still_its_first_window_is_seen_as_it_comes() -> None:
    packets = packets_of(5)
    windower, found = Windower(by_events(25)), []
    assert windower.newest([]) == []
    for packet, num_seen in zip(packets, (10, 20, 25, 0, 25), strict=True):
        windows = windower.push(packet)
        found += windows
        seen = windower.newest(windows)
        assert [len(w.packet) for w in seen] == ([num_seen] if num_seen else [])
        assert all(w.is_partial == (num_seen < 25) for w in seen)
    found += windower.finish()
    expected = [w.packet.events.tobytes() for w in slide(packets, by_events(25))]
    assert [w.packet.events.tobytes() for w in found] == expected  # they come all the same


def test_where_a_stream_stands_still_only_the_newest_window_behind_a_jump_is_seen() -> None:
    for config in (by_events(3), WindowConfig(length_us=3_000, stride_us=3_000)):
        windower = Windower(config)
        windower.push(packets_of(1)[0])
        windows = windower.push(packets_of(1)[0])
        assert [w.segment for w in windows] == [0, 1, 1, 1]
        assert windower.newest(windows) == windows[-1:]


def test_a_jump_to_where_nothing_happens_shows_nothing_of_before() -> None:
    windower = Windower(by_events(25))
    windower.push(packets_of(1)[0])
    windows = windower.push(empty_packet(SENSOR, START_US, START_US + 50_000))
    assert [len(w.packet) for w in windows] == [10]
    [seen] = windower.newest(windows)
    assert spans([seen]) == [(0, 50_000)]
    assert len(seen.packet) == 0
    assert seen.is_partial


def test_only_windows_of_events_gather_any() -> None:
    windower, timed = Windower(by_events(25, 15)), Windower(WindowConfig())
    gathered = []
    for packet in packets_of(4):
        windower.push(packet)
        timed.push(packet)
        gathered.append(windower.num_gathered)
        assert timed.num_gathered == 0
    assert gathered == [10, 20, 15, 10]


def test_windows_of_50_ms_every_20_ms_end_with_a_partial_one() -> None:
    windows = list(slide(packets_of(10), WindowConfig()))
    assert spans(windows) == [
        (0, 50_000), (20_000, 70_000), (40_000, 90_000), (60_000, 110_000)
    ]  # fmt: skip
    assert [w.is_partial for w in windows] == [False, False, False, True]
    assert [len(w.packet) for w in windows] == [50, 50, 50, 40]


def test_no_partial_window_follows_where_all_is_covered() -> None:
    windows = list(slide(packets_of(9), WindowConfig()))
    assert spans(windows)[-1] == (40_000, 90_000)
    assert not any(w.is_partial for w in windows)


def test_a_stream_shorter_than_a_window_is_one_partial_window() -> None:
    (window,) = slide(packets_of(2), WindowConfig())
    assert window.is_partial
    assert len(window.packet) == 20
    assert window.packet.duration_us == 50_000


def test_a_quiet_scene_still_yields_windows() -> None:
    packets = [empty_packet(SENSOR, t, t + 10_000) for t in range(0, 100_000, 10_000)]
    windows = list(slide(packets, WindowConfig(length_us=20_000, stride_us=20_000)))
    assert [len(w.packet) for w in windows] == [0] * 5


def test_a_stride_longer_than_the_window_leaves_gaps() -> None:
    windows = list(slide(packets_of(8), WindowConfig(length_us=10_000, stride_us=30_000)))
    assert spans(windows) == [(0, 10_000), (30_000, 40_000), (60_000, 70_000)]


def test_windows_come_as_soon_as_their_last_packet() -> None:
    windower = Windower(WindowConfig())
    counts = [len(windower.push(packet)) for packet in packets_of(9)]
    assert counts == [0, 0, 0, 0, 1, 0, 1, 0, 1]


def test_a_jump_finishes_the_segment_and_starts_another() -> None:
    later = packets_of(5, start_us=START_US + 10**9)
    windows = list(slide([*packets_of(6), *later], WindowConfig()))
    assert spans(windows) == [
        (0, 50_000), (20_000, 70_000), (10**9, 10**9 + 50_000)
    ]  # fmt: skip
    assert [w.is_partial for w in windows] == [False, True, False]
    assert [w.index for w in windows] == [0, 1, 2]


def test_windows_say_how_many_segments_ended_before_theirs() -> None:
    packets = packets_of(9)
    jumped = [*packets[:3], *packets[4:6], *packets[:2]]
    windows = list(slide(jumped, WindowConfig(length_us=10_000, stride_us=10_000)))
    assert [window.segment for window in windows] == [0, 0, 0, 1, 1, 2, 2]
    assert [window.index for window in windows] == list(range(7))


def test_a_jump_back_over_the_same_time_mixes_nothing() -> None:
    windows = list(slide([*packets_of(3), *packets_of(5)], WindowConfig()))
    assert [len(w.packet) for w in windows] == [30, 50]


def test_another_sensor_starts_another_segment() -> None:
    other = empty_packet(SensorSize(8, 8), START_US + 20_000, START_US + 90_000)
    windows = list(slide([*packets_of(2), other], WindowConfig()))
    assert [str(w.packet.sensor) for w in windows] == ["32x24", "8x8", "8x8"]


def test_a_window_stays_as_it_was_while_the_stream_goes_on() -> None:
    windower = Windower(WindowConfig(length_us=5_000, stride_us=1_000))
    kept = [
        (window, window.packet.events.copy())
        for packet in packets_of(200, 1_000)
        for window in windower.push(packet)
    ]
    assert all((window.packet.events == copy).all() for window, copy in kept)


def test_overlapping_windows_are_views_of_one_buffer() -> None:
    first, second, *_ = slide(packets_of(9), WindowConfig())
    assert np.shares_memory(first.packet.events, second.packet.events)
    assert not first.packet.events.flags.writeable


def test_memory_stays_bounded_over_a_long_stream() -> None:
    windower = Windower(WindowConfig(length_us=1_000, stride_us=500))
    times = np.linspace(0, 999, 5_000).astype(np.int64)
    for start_us in range(0, 400_000, 1_000):
        events = pack_events(times + start_us, times % 32, times % 24, times % 2)
        windower.push(EventPacket(events, SENSOR, start_us, start_us + 1_000))
    assert len(windower._buffer._events) < 50_000  # 2 million events have passed


def test_losses_go_with_every_window_they_touch() -> None:
    def lossy() -> Iterator[EventPacket]:
        for number, packet in enumerate(packets_of(10)):
            num_lost = 7 if number == 4 else 0
            yield EventPacket(packet.events, SENSOR, packet.start_us, packet.end_us, num_lost)

    windows = list(slide(lossy(), WindowConfig(length_us=20_000, stride_us=20_000)))
    assert [w.packet.num_lost for w in windows] == [0, 0, 7, 0, 0]


def test_finish_without_packets_yields_nothing() -> None:
    assert Windower(WindowConfig()).finish() == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"length_us": 0}, "length_us must be at least 1, got 0"),
        ({"stride_us": -1}, "stride_us must be at least 1, got -1"),
        ({"length_events": 5}, "the other to None"),
        ({"length_us": None}, "set either length_us"),
        ({"length_us": None, "length_events": 5}, "both set to None"),
        ({"stride_events": 5}, "needs length_events"),
    ],
)
def test_windows_that_make_no_sense_are_refused(values: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WindowConfig(**values)
