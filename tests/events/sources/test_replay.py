"""Replay: every event once, at the speed asked for, wherever one seeks."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from events.packet import EventPacket, SensorSize, pack_events
from events.recordings.aedat4_writer import Aedat4Writer
from events.recordings.cursor import SLICE_US
from events.sources.open import open_source
from events.sources.replay import ReplaySource
from events.sources.source import Seekable, SourceError, SourceState

SENSOR = SensorSize(32, 24)
START_US, SPAN_US, NUM = 10**15, 400_000, 4_000


def write(path: Path, number: int = NUM, span_us: int = SPAN_US) -> Path:
    t = START_US + np.linspace(0, span_us - 1, number).astype(np.int64)
    events = pack_events(t, np.arange(number) % 32, np.arange(number) % 24, np.arange(number) % 2)
    with Aedat4Writer(path, SENSOR) as writer:
        if number:
            writer.write(EventPacket(events, SENSOR, START_US, START_US + span_us))
    return path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("replay") / "a.aedat4")


class Played:
    """A source that another thread consumes."""

    def __init__(self, source: ReplaySource) -> None:
        self.packets: list[EventPacket] = []
        self._source = source
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for packet in self._source.packets():
            self.packets.append(packet)

    def until(self, is_so: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < deadline_s
            time.sleep(0.002)

    def join(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def test_a_replay_is_a_seekable_source(recording: Path) -> None:
    with ReplaySource(recording) as source:
        assert isinstance(source, Seekable)
        assert (source.name, source.sensor, source.is_live) == ("a.aedat4", SENSOR, False)
        assert (source.start_us, source.end_us) == (START_US, START_US + SPAN_US)


@pytest.mark.parametrize("speed", [1.0, 4.0, 1000.0, math.inf])
def test_every_event_comes_once_and_packets_touch_at_every_speed(
    recording: Path, speed: float
) -> None:
    with ReplaySource(recording, speed) as source:
        packets = list(source.packets())
        assert source.status.state is SourceState.ENDED
        assert source.status.clock_us == source.end_us
    assert sum(map(len, packets)) == NUM
    assert packets[0].start_us == START_US
    assert all(a.end_us == b.start_us for a, b in itertools.pairwise(packets))


def test_real_time_takes_as_long_as_the_recording_in_many_packets(recording: Path) -> None:
    with ReplaySource(recording) as source:
        begin_s = time.monotonic()
        packets = list(source.packets())
        wall_s = time.monotonic() - begin_s
    assert wall_s >= SPAN_US / 1e6 * 0.95
    assert len(packets) >= 10


def test_packets_keep_coming_when_time_hardly_moves(recording: Path) -> None:
    with ReplaySource(recording, speed=1e-6) as source:
        packets = list(itertools.islice(source.packets(), 10))
    assert packets[-1].end_us - START_US <= 10


def test_a_slow_consumer_loses_nothing_and_gets_no_burst(recording: Path) -> None:
    with ReplaySource(recording) as source:
        packets = source.packets()
        first = next(packets)
        time.sleep(0.25)
        second = next(packets)
        assert second.start_us == first.end_us
        assert second.duration_us < 200_000


def test_the_end_is_told_once_and_play_starts_again(recording: Path) -> None:
    with ReplaySource(recording, math.inf) as source:
        assert sum(map(len, source.packets())) == NUM
        assert list(source.packets()) == []
        source.resume()
        assert sum(map(len, source.packets())) == NUM


def test_a_seek_goes_on_there_and_is_clamped(recording: Path) -> None:
    with ReplaySource(recording, math.inf) as source:
        for t_us, start_us in ((START_US + 100_000, START_US + 100_000), (0, START_US)):
            source.seek(t_us)
            packets = list(source.packets())
            assert packets[0].start_us == start_us
            assert packets[-1].end_us == source.end_us
        source.seek(2**60)
        assert list(source.packets()) == []
        assert source.status.clock_us == source.end_us


def test_a_loop_jumps_back_to_the_start(recording: Path) -> None:
    with ReplaySource(recording, math.inf, loop=True) as source:
        packets = list(itertools.islice(source.packets(), 3 * SPAN_US // SLICE_US))
        jumps = [b.start_us for a, b in itertools.pairwise(packets) if a.end_us != b.start_us]
        assert jumps == [START_US, START_US]
        source.set_looping(False)
        assert not source.is_looping


def test_a_pause_holds_and_steps_move_by_what_is_asked(recording: Path) -> None:
    with ReplaySource(recording, math.inf) as source:
        source.pause()
        played = Played(source)
        source.step(30_000)
        played.until(lambda: len(played.packets) == 1)
        source.step(20_000)
        played.until(lambda: len(played.packets) == 2)
        spans = [(p.start_us - START_US, p.end_us - START_US) for p in played.packets]
        assert spans == [(0, 30_000), (30_000, 50_000)]
        source.step(-20_000)
        played.until(lambda: len(played.packets) == 3)
        assert played.packets[2].start_us == START_US + 10_000
        assert source.status.clock_us == START_US + 30_000
        assert source.status.state is SourceState.PAUSED
        source.stop()
        played.join()


def test_steps_are_clamped_at_both_ends(recording: Path) -> None:
    with ReplaySource(recording, math.inf) as source:
        source.pause()
        played = Played(source)
        source.step(-1_000_000)
        played.until(lambda: len(played.packets) == 1)
        assert played.packets[0].start_us == START_US
        source.step(10**12)
        played.until(lambda: source.status.clock_us == source.end_us)
        source.step(10_000)
        source.resume()  # at the end: from the start
        played.join()
        jumps = [b for a, b in itertools.pairwise(played.packets) if a.end_us != b.start_us]
        assert [packet.start_us for packet in jumps][-1] == START_US


def test_a_seek_while_paused_shows_one_packet(recording: Path) -> None:
    with ReplaySource(recording) as source:
        source.pause()
        played = Played(source)
        source.seek(START_US + 200_000)
        played.until(lambda: len(played.packets) == 1)
        time.sleep(0.05)
        (packet,) = played.packets
        assert packet.start_us == START_US + 200_000
        assert len(packet) > 0
        source.stop()
        played.join()


def test_a_step_after_a_seek_starts_where_the_seek_went(recording: Path) -> None:
    with ReplaySource(recording, math.inf) as source:
        source.pause()
        source.seek(START_US + 100_000)
        source.step(50_000)
        packet = next(source.packets())
    assert (packet.start_us, packet.end_us) == (START_US + 100_000, START_US + 150_000)


def test_speed_changes_at_once_and_must_be_positive(recording: Path) -> None:
    with ReplaySource(recording, speed=1e-6) as source:
        played = Played(source)
        source.set_speed(math.inf)
        assert source.speed == math.inf
        played.join()
        assert sum(map(len, played.packets)) == NUM
        for speed in (0, -1.0, math.nan):
            with pytest.raises(ValueError, match="must be positive"):
                source.set_speed(speed)


def test_stop_ends_a_paused_and_a_waiting_replay_at_once(recording: Path) -> None:
    for is_paused in (True, False):
        with ReplaySource(recording, speed=1e-6) as source:
            if is_paused:
                source.pause()
            played = Played(source)
            begin_s = time.monotonic()
            source.stop()
            played.join()
            assert time.monotonic() - begin_s < 1
            assert source.status.state is SourceState.ENDED


def test_many_threads_may_steer_at_once(recording: Path) -> None:
    with ReplaySource(recording, speed=50.0, loop=True) as source:
        played = Played(source)

        def steer(seed: int) -> None:
            random = np.random.default_rng(seed)
            for _ in range(60):
                source.seek(START_US + int(random.integers(-1_000, SPAN_US + 1_000)))
                source.set_speed(float(random.uniform(0.1, 100)))
                source.pause()
                source.step(int(random.integers(-20_000, 20_000)))
                source.resume()
                assert START_US <= source.status.clock_us <= source.end_us

        threads = [threading.Thread(target=steer, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        source.stop()
        played.join()
    for packet in played.packets:
        assert START_US <= packet.start_us <= packet.end_us <= START_US + SPAN_US


def test_an_empty_recording_ends_at_once_even_in_a_loop(tmp_path: Path) -> None:
    with ReplaySource(write(tmp_path / "a.aedat4", 0), loop=True) as source:
        assert list(source.packets()) == []


@pytest.mark.parametrize("number", [1, 300])
def test_events_of_one_instant_are_one_microsecond_that_can_loop_and_be_stepped(
    tmp_path: Path, number: int
) -> None:
    with ReplaySource(write(tmp_path / "a.aedat4", number, span_us=1), math.inf) as source:
        assert (source.start_us, source.end_us) == (START_US, START_US + 1)
        [packet] = source.packets()
        assert (len(packet), packet.start_us, packet.end_us) == (number, START_US, START_US + 1)
        source.set_looping(True)
        source.resume()
        assert [len(p) for p in itertools.islice(source.packets(), 3)] == [number] * 3
        source.pause()
        source.step(-20_000)
        assert len(next(source.packets())) == number


def test_a_file_that_grows_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat4"
    with Aedat4Writer(path, SENSOR) as writer:
        for part in range(2):
            t = START_US + part * 50_000 + np.arange(1_000) * 40
            events = pack_events(t, t % 32, t % 24, t % 2)
            writer.write(EventPacket(events, SENSOR, int(t[0]), int(t[0]) + 50_000))
            if part == 0:
                source = ReplaySource(path, math.inf)
                source.__enter__()
                packets = source.packets()
                assert len(next(packets)) > 0
        assert len(next(packets)) + sum(map(len, packets)) == 1_750
        source.__exit__(None, None, None)


def test_a_seek_past_the_end_that_was_known_goes_on_with_what_came_since(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat4"
    t = START_US + np.arange(2_000) * 50
    parts = np.split(pack_events(t, t % 32, t % 24, t % 2), 2)
    with Aedat4Writer(path, SENSOR) as writer:
        writer.write(EventPacket(parts[0], SENSOR, START_US, START_US + 50_000))
        writer._flush(is_last=True)
        with ReplaySource(path, math.inf) as source:
            known_us = source.end_us
            writer.write(EventPacket(parts[1], SENSOR, START_US + 50_000, START_US + 100_000))
            writer._flush(is_last=True)
            source.seek(2**60)
            assert source.status.state is SourceState.RUNNING
            packets = list(source.packets())
            assert source.status.state is SourceState.ENDED
    assert packets[0].start_us == known_us
    assert sum(map(len, packets)) == 1_000


def test_damage_is_told_in_the_status(tmp_path: Path) -> None:
    path = write(tmp_path / "a.aedat4")
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 2_000] = bytes(2_000)
    path.write_bytes(data)
    with ReplaySource(path, math.inf) as source:
        num_events = sum(map(len, source.packets()))
        assert source.status.num_lost == NUM - num_events > 0
        assert "damaged packets skipped" in source.status.message


def test_what_cannot_be_opened_is_a_source_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(bytes(1000))
    for name, message in (
        ("zeros", "not a recording"),
        ("none", "does not exist"),
        ("", "directory"),
    ):
        with pytest.raises(SourceError, match=message), open_source(str(tmp_path / name)):
            pass


def test_sources_are_opened_by_what_the_text_looks_like() -> None:
    names = {
        "camera": "CameraSource",
        "camera:AB12": "CameraSource",
        "tcp://127.0.0.1:7777": "NetworkSource",
        "unix:/tmp/x.sock": "NetworkSource",
        "some/file.aedat4": "ReplaySource",
    }
    for text, name in names.items():
        assert type(open_source(text)).__name__ == name
    for text in ("", "http://host:80", "synthetic:x"):
        with pytest.raises(SourceError, match=r"give FILE|whole number"):
            open_source(text)
