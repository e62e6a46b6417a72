"""The synthetic source: a scene with a timeline, steered while it plays."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from events.packet import EventPacket, SensorSize, join
from events.simulate.scene import Scene, SceneConfig
from events.simulate.stream import SceneStream
from events.sources.source import Seekable, SourceState
from events.sources.synthetic import CONTRAST, SyntheticSource

SIZE = SensorSize(48, 36)


def fast(duration_us: int = 200_000, seed: int = 1) -> SyntheticSource:
    return SyntheticSource(seed=seed, sensor=SIZE, duration_us=duration_us, speed=math.inf)


def values(packet: EventPacket) -> list[list[int]]:
    return [packet.t.tolist(), packet.x.tolist(), packet.y.tolist(), packet.p.tolist()]


def play(source: SyntheticSource) -> EventPacket:
    with source:
        return join(list(source.packets()))


def test_it_is_a_seekable_source_with_a_name() -> None:
    source = fast()
    assert isinstance(source, Seekable)
    assert source.name == "synthetic:1"
    assert source.sensor == SIZE
    assert not source.is_live


def test_packets_touch_and_cover_the_timeline() -> None:
    with fast() as source:
        packets = list(source.packets())
    assert packets[0].start_us == source.start_us
    assert packets[-1].end_us == source.end_us
    whole = join(packets)  # raises where packets do not touch
    assert len(whole) > 100
    assert np.all(np.diff(whole.t) >= 0)
    assert max(packet.duration_us for packet in packets) <= 1_000_000 / 60
    assert source.status.state is SourceState.ENDED


def test_equal_seeds_give_equal_events_when_opened_again() -> None:
    source = fast()
    first, other = play(source), play(fast(seed=2))
    assert values(first) == values(play(fast())) == values(play(source))
    assert values(first) != values(other)


def test_the_speed_does_not_change_the_events() -> None:
    with SyntheticSource(seed=1, sensor=SIZE, duration_us=30_000, speed=0.5) as source:
        slow = join(list(source.packets()))
    assert values(slow) == values(play(fast(30_000)))


def test_how_spans_are_cut_does_not_change_the_events() -> None:
    def stream() -> SceneStream:
        return SceneStream(Scene(SceneConfig(width=48, height=36), 1), CONTRAST, 1)

    coarse, fine = stream(), stream()
    whole = coarse.events_between(3_333, 100_000)
    edges_us = [3_333, 3_334, 9_000, 47_000, 47_000, 100_000]
    parts = [fine.events_between(a, b) for a, b in itertools.pairwise(edges_us)]
    np.testing.assert_array_equal(whole["t"], np.concatenate([part["t"] for part in parts]))


def test_the_truth_is_the_scene_at_that_instant() -> None:
    source = fast()
    expected = Scene(SceneConfig(width=48, height=36), 1).render(70_000)
    truth = source.truth(70_000)
    np.testing.assert_array_equal(truth.class_ids, expected.class_ids)
    np.testing.assert_array_equal(truth.depth_m, expected.depth_m)


def test_a_scene_without_end_loops() -> None:
    source = SyntheticSource(seed=1, sensor=SIZE, speed=math.inf)
    assert source.is_looping
    assert source.end_us == 600_000_000
    source.seek(source.end_us - 15_000)
    with source:
        spans = [(p.start_us, p.end_us) for p, _ in zip(source.packets(), range(3), strict=False)]
    end_us = source.end_us
    assert spans == [(end_us - 15_000, end_us - 5_000), (end_us - 5_000, end_us), (0, 10_000)]


def test_seek_jumps_and_clamps() -> None:
    with fast() as source:
        source.seek(150_000)
        packets = list(source.packets())
        assert packets[0].start_us == 150_000
        assert len(packets[0])  # the sensor has been running before
        source.seek(-5)
        assert next(source.packets()).start_us == 0
        source.seek(10**12)
        assert list(source.packets()) == []


def test_a_source_at_its_end_plays_again_when_resumed() -> None:
    with fast(50_000) as source:
        first = join(list(source.packets()))
        source.resume()
        assert source.status.state is SourceState.RUNNING
        assert values(join(list(source.packets()))) == values(first)


class Reader:
    """Collects packets in a thread, and waits for what a test expects."""

    def __init__(self, packets: Iterator[EventPacket]) -> None:
        self.packets: list[EventPacket] = []
        self._thread = threading.Thread(target=self._read, args=(packets,))
        self._thread.start()

    def _read(self, packets: Iterator[EventPacket]) -> None:
        for packet in packets:
            self.packets.append(packet)

    def wait_for(self, end_us: int) -> None:
        deadline_s = time.monotonic() + 20
        while not self.packets or self.packets[-1].end_us != end_us:
            assert time.monotonic() < deadline_s, [p.end_us for p in self.packets[-3:]]
            time.sleep(0.005)

    def join(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def test_while_paused_only_seek_and_step_let_packets_through() -> None:
    with SyntheticSource(seed=1, sensor=SIZE, duration_us=1_000_000) as source:
        source.pause()
        reader = Reader(source.packets())
        source.seek(100_000)
        reader.wait_for(110_000)
        assert source.status.state is SourceState.PAUSED
        source.step(50_000)  # from where seek went
        reader.wait_for(150_000)
        source.step(-70_000)
        reader.wait_for(90_000)
        assert reader.packets[-1].start_us == 80_000
        assert source.status.clock_us == 90_000
        source.set_speed(math.inf)
        source.resume()
        reader.join()
        assert reader.packets[-1].end_us == 1_000_000


def test_stop_ends_the_packets_of_a_paused_source() -> None:
    with fast() as source:
        source.pause()
        reader = Reader(source.packets())
        source.stop()
        reader.join()


def test_packets_are_paced_in_wall_time() -> None:
    with SyntheticSource(seed=1, sensor=SIZE, duration_us=200_000, speed=2.0) as source:
        next(source.packets())  # compiled by now
        source.seek(0)
        started_s = time.monotonic()
        list(source.packets())
        assert time.monotonic() - started_s > 0.08


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="speed must be positive, got 0"):
        SyntheticSource(speed=0)
    with pytest.raises(ValueError, match="duration_us"):
        SyntheticSource(duration_us=0)
    with pytest.raises(ValueError, match="seed"):
        SyntheticSource(seed=-1)
