from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from events.live.acquisition import Batch
from events.live.clock import AHEAD_LIMIT_US, LATE_LIMIT_US, LiveClock
from events.packet import EventPacket, SensorSize, pack_events

SENSOR = SensorSize(8, 6)
EPOCH_US = 1_800_000_000_000_000
NOW_US = 5_000_000


def batch(t: list[int], looked_us: int, num_lost: int = 0) -> Batch:
    zeros = np.zeros(len(t))
    events = pack_events(np.array(t, np.int64), zeros, zeros, zeros)
    return Batch(events=events, looked_us=looked_us, num_lost=num_lost)


def started() -> LiveClock:
    """A clock that has seen one event: time EPOCH_US, which arrived at NOW_US."""
    clock = LiveClock(SENSOR, NOW_US)
    clock.add(batch([EPOCH_US], NOW_US))
    clock.take(NOW_US)
    return clock


def touching(packets: list[EventPacket]) -> bool:
    return all(before.end_us == after.start_us for before, after in pairwise(packets))


def test_packets_of_a_steady_stream_touch_and_hold_every_event() -> None:
    rng = np.random.default_rng(1)
    clock, packets, sent = started(), [], 1
    for i in range(1, 200):
        looked_us = NOW_US + i * 10_000 + int(rng.integers(0, 3000))
        t = EPOCH_US + np.sort(rng.integers((i - 1) * 10_000 + 1, i * 10_000, 50))
        clock.add(batch(t.tolist(), looked_us))
        sent += 50
        packets += clock.take(looked_us + 100)
    packets += clock.finish()
    assert touching(packets)
    assert sum(map(len, packets)) == sent
    assert clock.num_late == 0
    for packet in packets:
        assert np.all((packet.t >= packet.start_us) & (packet.t < packet.end_us))


def test_the_clock_goes_on_with_the_wall_while_nothing_comes() -> None:
    clock = started()
    clock.take(NOW_US + 100_000)
    before_us = clock.clock_us
    (packet,) = clock.take(NOW_US + 150_000)
    assert packet.duration_us == 50_000
    assert clock.clock_us == before_us + 50_000
    assert len(packet) == 0


def test_the_clock_waits_for_events_that_are_a_little_late() -> None:
    clock = started()
    clock.take(NOW_US + 40_000)
    assert clock.clock_us == EPOCH_US


def test_a_stream_that_falls_behind_has_few_events_moved() -> None:
    clock, sent = started(), 0
    for i in range(1, 200):
        looked_us = NOW_US + i * 80_000  # 50 ms of events take 80 ms to come
        clock.take(looked_us - 1)
        t = EPOCH_US + np.arange((i - 1) * 50_000, i * 50_000, 500) + 1
        clock.add(batch(t.tolist(), looked_us))
        clock.take(looked_us)
        sent += len(t)
    assert clock.num_late < 0.05 * sent


def test_events_after_a_pause_are_not_late_when_their_delay_is_the_usual_one() -> None:
    clock = started()
    for now_us in range(NOW_US, NOW_US + 500_000, 10_000):
        clock.take(now_us)
    late_us = NOW_US + 500_000
    clock.add(batch([EPOCH_US + 500_000], late_us))
    clock.take(late_us)
    assert clock.num_late == 0


def test_a_late_event_is_moved_up_to_the_clock_and_counted() -> None:
    clock = started()
    (quiet,) = clock.take(NOW_US + 100_000)
    clock.add(batch([EPOCH_US + 50_000, EPOCH_US + 200_000], NOW_US + 101_000))
    (packet,) = clock.take(NOW_US + 101_000)
    assert packet.start_us == quiet.end_us
    assert packet.t.tolist() == [quiet.end_us]
    assert clock.num_late == 1
    assert clock.backlog_events == 1


def test_equal_timestamps_on_both_sides_of_a_batch_are_neither_late_nor_lost() -> None:
    clock = started()
    t = EPOCH_US + 9_000
    clock.add(batch([t, t], NOW_US + 10_000))
    first = clock.take(NOW_US + 10_000)
    clock.add(batch([t, t + 5], NOW_US + 11_000))
    packets = [*first, *clock.take(NOW_US + 11_000), *clock.finish()]
    times = np.concatenate([packet.t for packet in packets])
    assert times.tolist()[-4:] == [t, t, t, t + 5]
    assert clock.num_late == 0


@pytest.mark.parametrize("jump_us", [-LATE_LIMIT_US - 200_000, AHEAD_LIMIT_US + 200_000])
def test_a_jump_of_the_streams_own_clock_starts_a_segment_at_its_own_time(jump_us: int) -> None:
    clock = started()
    clock.add(batch([EPOCH_US + 5_000], NOW_US + 8_000))
    clock.add(batch([EPOCH_US + jump_us], NOW_US + 9_000))
    packets = [*clock.take(NOW_US + 9_000), *clock.finish()]
    times = np.concatenate([packet.t for packet in packets])
    assert times.tolist()[-2:] == [EPOCH_US + 5_000, EPOCH_US + jump_us]
    starts = [packet.start_us for packet in packets]
    assert EPOCH_US + jump_us in starts
    assert not touching(packets)


def test_a_stream_that_counts_from_zero_is_followed() -> None:
    clock = LiveClock(SENSOR, NOW_US)
    clock.take(NOW_US)
    clock.add(batch([0, 10, 20], NOW_US + 5_000))
    (packet,) = clock.take(NOW_US + 5_000)
    assert (packet.start_us, packet.t.tolist()) == (0, [0, 10])


def test_one_hiccup_does_not_stop_the_clock() -> None:
    clock = started()
    clock.add(batch([EPOCH_US + 1], NOW_US + 3_000_000))  # three seconds on the way
    clock.add(batch([EPOCH_US + 3_000_000], NOW_US + 3_001_000))
    clock.take(NOW_US + 3_001_000)
    before_us = clock.clock_us
    clock.take(NOW_US + 3_400_000)
    assert clock.clock_us > before_us


def test_late_events_are_not_lost_when_the_stream_ends_or_jumps_with_them() -> None:
    for is_jump in (False, True):
        clock = started()
        packets = clock.take(NOW_US + 100_000)
        clock.add(batch([EPOCH_US + 50_000], NOW_US + 100_000))
        packets += clock.take(NOW_US + 100_000)
        if is_jump:
            clock.add(batch([5], NOW_US + 100_000))
        packets += clock.finish()
        assert sum(map(len, packets)) == 2 + is_jump


def test_losses_are_told_once_in_the_next_packet() -> None:
    clock = started()
    clock.add(batch([], NOW_US + 1_000, num_lost=7))
    counts = [clock.take(NOW_US + i * 10_000)[0].num_lost for i in range(1, 4)]
    assert counts == [7, 0, 0]
    assert clock.num_lost == 7


def test_events_of_different_batches_are_put_in_order() -> None:
    clock = started()
    clock.add(batch([EPOCH_US + 1_000, EPOCH_US + 3_000], NOW_US + 5_000))
    clock.add(batch([EPOCH_US + 2_000, EPOCH_US + 4_000], NOW_US + 5_100))
    packets = [*clock.take(NOW_US + 5_100), *clock.finish()]
    times = np.concatenate([packet.t for packet in packets]) - EPOCH_US
    assert times.tolist()[-4:] == [1_000, 2_000, 3_000, 4_000]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_arrives_whenever_no_event_is_lost_or_doubled(seed: int) -> None:
    rng = np.random.default_rng(seed)
    clock, packets, sent = LiveClock(SENSOR, NOW_US), [], 0
    looked_us, t_us = NOW_US, EPOCH_US
    for _ in range(100):
        looked_us += int(rng.exponential(50_000))
        t_us += int(rng.normal(50_000, 300_000 * (seed % 3)))
        t = np.sort(rng.integers(t_us - 60_000, t_us, rng.integers(0, 30)))
        clock.add(batch(t.tolist(), looked_us))
        sent += len(t)
        if rng.random() < 0.7:
            packets += clock.take(looked_us + int(rng.integers(0, 40_000)))
    packets += clock.finish()
    assert sum(map(len, packets)) == sent
    assert clock.backlog_events == 0
    assert clock.num_late <= sent
    for packet in packets:
        assert np.all(np.diff(packet.t) >= 0)
        assert np.all((packet.t >= packet.start_us) & (packet.t < packet.end_us))
