from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scripted_source import random_packets

from app.pipeline import Pipeline, PipelineConfig
from app.scene import PipelineState, Scene
from events.packet import EventPacket, SensorSize
from events.recordings.aedat4_writer import Aedat4Writer
from events.recordings.cursor import Cursor
from events.sources.replay import ReplaySource
from events.sources.source import SourceState
from events.windows import WindowConfig

SENSOR = SensorSize(64, 48)
START_US, END_US = 5_000_000, 5_600_000
WINDOWS = WindowConfig(length_us=50_000, stride_us=20_000)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "random.aedat4"
    with Aedat4Writer(path, SENSOR, "random") as writer:
        for packet in random_packets(60, start_us=START_US, sensor=SENSOR, num_events=200):
            writer.write(packet)
    return path


@pytest.fixture
def player(recording: Path) -> Iterator[Pipeline]:
    source = ReplaySource(recording, speed=math.inf)
    config = PipelineConfig(windows=WINDOWS, stays_open=True)
    with Pipeline(source, None, config) as pipeline:
        wait_until(lambda: pipeline.state is PipelineState.ENDED)
        pipeline.take_scene()
        yield pipeline


def wait_until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(0.002)


def newest(pipeline: Pipeline, until: Callable[[Scene], bool]) -> Scene:
    """Return the first scene that fits."""
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        scene = pipeline.take_scene(0.1)
        if scene is not None and until(scene):
            return scene
    raise AssertionError("no such scene came")


def test_play_at_the_end_starts_again(player: Pipeline) -> None:
    before = player.stats().num_windows
    player.resume()
    wait_until(lambda: player.stats().num_windows == 2 * before)
    wait_until(lambda: player.state is PipelineState.ENDED)


def test_a_seek_after_the_end_plays_from_there(player: Pipeline) -> None:
    before = player.stats().num_windows
    player.seek(END_US - 100_000)
    wait_until(lambda: player.stats().num_windows > before)
    wait_until(lambda: player.state is PipelineState.ENDED)
    assert player.stats().num_windows < before + 8


def pause_at(player: Pipeline, t_us: int) -> None:
    source = player.source
    assert isinstance(source, ReplaySource)
    source.set_speed(0.01)
    player.resume()
    wait_until(lambda: player.state is PipelineState.RUNNING)
    player.pause()
    while player.take_scene(0.1) is not None:
        pass
    player.seek(t_us)


def test_a_seek_while_paused_shows_a_whole_window_there(player: Pipeline) -> None:
    target_us = START_US + 300_000
    pause_at(player, target_us)
    assert player.state is PipelineState.PAUSED
    scene = newest(player, lambda scene: not scene.is_partial and scene.packet.end_us >= target_us)
    assert scene.packet.duration_us == 50_000
    assert player.state is PipelineState.PAUSED


def test_a_step_while_paused_shows_the_next_window(player: Pipeline) -> None:
    source = player.source
    assert isinstance(source, ReplaySource)
    source.set_speed(0.01)
    player.resume()
    wait_until(lambda: player.state is PipelineState.RUNNING)
    player.pause()
    player.seek(START_US + 200_000)
    first = newest(player, lambda scene: not scene.is_partial)
    wait_until(lambda: source.status.clock_us >= first.packet.end_us)
    while (later := player.take_scene(0.1)) is not None:
        first = later
    player.step(20_000)
    second = newest(player, lambda scene: not scene.is_partial)
    assert second.packet.start_us - first.packet.start_us == 20_000
    player.step(-100_000)
    third = newest(player, lambda scene: not scene.is_partial)
    assert third.packet.end_us < second.packet.end_us


@pytest.mark.parametrize("t_us", [-(10**12), 10**15])
def test_a_seek_is_clamped_to_the_recording(player: Pipeline, t_us: int) -> None:
    player.seek(t_us)
    wait_until(lambda: player.state is PipelineState.ENDED)
    assert player.take_message() is None
    clock_us = player.stats().clock_us
    assert START_US <= clock_us <= END_US


def test_a_step_back_at_the_end_pauses_and_shows_the_window_before(player: Pipeline) -> None:
    source = player.source
    assert isinstance(source, ReplaySource)
    player.step(20_000)  # nothing follows
    assert player.state is PipelineState.ENDED
    player.step(-20_000)
    assert player.state is PipelineState.PAUSED
    scene = newest(player, lambda scene: not scene.is_partial)
    assert scene.packet.end_us == source.end_us - 20_000
    assert scene.packet.duration_us == 50_000
    assert player.state is PipelineState.PAUSED
    player.resume()
    wait_until(lambda: player.state is PipelineState.ENDED)
    assert player.stats().clock_us == source.end_us


def test_the_end_is_told_once_though_somebody_sought_before_it(
    player: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = player.source
    assert isinstance(source, ReplaySource)
    source.set_speed(0.01)
    player.resume()
    wait_until(lambda: player.state is PipelineState.RUNNING)
    moves = moves_of(player, monkeypatch)
    player.seek(END_US - 100_000)
    source.set_speed(math.inf)
    wait_until(lambda: player.state is PipelineState.ENDED)
    time.sleep(0.2)  # what is told again is told at once
    assert moves == [PipelineState.ENDED]
    player.seek(END_US - 100_000)
    wait_until(lambda: len(moves) == 3)
    assert moves[1:] == [PipelineState.RUNNING, PipelineState.ENDED]


def by_events(length: int, stride: int | None = None) -> WindowConfig:
    return WindowConfig(length_us=None, stride_us=None, length_events=length, stride_events=stride)


def test_a_seek_while_paused_shows_about_as_many_events_as_a_window_has(player: Pipeline) -> None:
    player.set_windows(by_events(1_000))  # 50 ms of the recording
    target_us = START_US + 300_000
    pause_at(player, target_us)
    scene = newest(player, lambda scene: scene.packet.start_us > START_US + 200_000)
    assert scene.packet.end_us <= target_us
    assert 500 < len(scene.packet) <= 1_000
    assert player.state is PipelineState.PAUSED


def test_what_fills_no_window_is_shown_where_the_stream_stands_still(player: Pipeline) -> None:
    """Else the picture would be of the seek's time and its classes of another."""
    player.set_windows(by_events(10**6))
    target_us = START_US + 300_000
    pause_at(player, target_us)
    scene = newest(player, lambda scene: scene.packet.end_us <= target_us)
    assert scene.is_partial
    assert scene.packet.end_us > target_us - 10_000
    before = len(scene.packet)
    player.step(20_000)
    scene = newest(player, lambda scene: len(scene.packet) > before)
    assert scene.is_partial
    assert target_us < scene.packet.end_us <= target_us + 20_000


def test_of_many_windows_a_seek_while_paused_shows_the_last_alone(player: Pipeline) -> None:
    """Else the picture would lag behind by all of them."""
    player.set_windows(by_events(1))
    pause_at(player, START_US + 300_000)
    time.sleep(0.1)
    before = player.stats().num_windows
    player.set_windows(by_events(4, 1))
    player.step(400_000)  # 6,000 events
    scene = newest(player, lambda scene: scene.packet.end_us > END_US - 5_000)
    assert len(scene.packet) == 4
    assert player.stats().num_windows == before + 1


def test_a_stride_of_events_lasts_as_long_as_they_take_by_now(player: Pipeline) -> None:
    assert player.stride_us == 20_000
    player.set_windows(by_events(1_000, 500))
    assert player.stride_us == pytest.approx(25_000, rel=0.1)  # at 20 kev/s
    player.set_windows(by_events(1))
    assert player.stride_us == 1_000
    player.set_windows(by_events(10**7))
    assert player.stride_us == 1_000_000


def test_steps_through_windows_of_events_go_on_and_back(player: Pipeline) -> None:
    player.set_windows(by_events(1_000, 500))
    pause_at(player, START_US + 300_000)
    first = newest(player, lambda scene: scene.packet.start_us > START_US + 200_000)
    for _ in range(3):
        player.step(player.stride_us)
    second = newest(player, lambda scene: scene.packet.end_us > first.packet.end_us)
    player.step(-100_000)
    newest(player, lambda scene: scene.packet.end_us < second.packet.end_us)
    assert player.state is PipelineState.PAUSED
    player.resume()
    wait_until(lambda: player.state is PipelineState.RUNNING)


def test_a_seek_past_what_was_read_is_no_end(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, may_read, read = itertools.count(1), threading.Semaphore(2), Cursor.read
    num_begun = 0

    def read_slowly(cursor: Cursor, stop_us: int) -> EventPacket:
        nonlocal num_begun
        num_begun = next(reads)
        assert may_read.acquire(timeout=5)
        return read(cursor, stop_us)

    monkeypatch.setattr(Cursor, "read", read_slowly)
    source = ReplaySource(recording, speed=100.0)
    config = PipelineConfig(windows=WINDOWS, stays_open=True, keeps_every_scene=True)
    with Pipeline(source, None, config) as player:
        wait_until(lambda: num_begun == 3)
        moves = moves_of(player, monkeypatch)
        for target_us in (START_US + 300_000, END_US - 50_000, END_US - 100_000):
            player.seek(target_us)
        source.set_speed(math.inf)
        may_read.release()
        wait_until(lambda: num_begun == 4)  # it reads on, there
        assert source.status.state is SourceState.RUNNING
        assert moves == []
        may_read.release(1000)
        states, spans = [], []
        for scene in player.scenes():
            states.append(player.state)
            spans.append((scene.packet.start_us, scene.packet.end_us, len(scene.packet)))
        assert moves == [PipelineState.ENDED]
    assert states[0] is PipelineState.RUNNING
    later = [span for span in spans if span[0] >= END_US - 100_000]
    assert [start_us - END_US for start_us, *_ in later] == [-100_000, -80_000, -60_000, -40_000]
    assert [num_events for *_, num_events in later] == [1000, 1000, 1000, 800]


def moves_of(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> list[PipelineState]:
    """Return the list of states that a pipeline enters from now on."""
    moves: list[PipelineState] = []
    move = pipeline._lifecycle.move

    def watched(generation: int, state: PipelineState) -> bool:
        is_moved = move(generation, state)
        if is_moved:
            moves.append(state)
        return is_moved

    monkeypatch.setattr(pipeline._lifecycle, "move", watched)
    return moves
