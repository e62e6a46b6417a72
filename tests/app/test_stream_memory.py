from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scripted_source import SENSOR, ScriptedSource, random_packets
from stream_engine import stream_card
from wrapped_engine import WrappedEngine

from app.engines import load_engine
from app.inference import Inference
from app.pipeline import Pipeline, PipelineConfig
from app.stream_memory import StreamMemory
from events.filters import (
    BackgroundActivityConfig,
    FilterConfig,
    HotPixelsConfig,
    RefractoryConfig,
)
from events.packet import EventPacket, SensorSize, empty_packet
from events.recordings.aedat4_writer import Aedat4Writer
from events.sources.replay import ReplaySource
from events.windows import Window, WindowConfig, slide
from export.backends.backend import Engine

STRIDE_US, LENGTH_US, MAX_GAP_US = 20_000, 50_000, 500_000
LATE_US = 10**15


class CountedMemory:
    def __init__(self) -> None:
        self.num_forgotten = 0

    def forget(self) -> None:
        self.num_forgotten += 1


class CardEngine:
    """What StreamMemory asks of an engine: a card, and a memory."""

    def __init__(self) -> None:
        self.card = stream_card("conv_recurrent")

    def new_memory(self) -> CountedMemory:
        return CountedMemory()


def window(number: int, *, index: int | None = None, segment: int = 0, shift_us: int = 0) -> Window:
    start_us = LATE_US + number * STRIDE_US + shift_us
    packet = empty_packet(SENSOR, start_us, start_us + LENGTH_US)
    return Window(number if index is None else index, packet, False, segment)


def decisions(*windows: Window) -> list[tuple[float, int]]:
    """Return for each window what elapsed, and how often all was forgotten by then."""
    stream = StreamMemory(CardEngine())
    found = []
    for each in windows:
        elapsed = stream.elapsed(each)
        stream.passed(each)
        assert isinstance(stream.memory, CountedMemory)
        found.append((elapsed, stream.memory.num_forgotten))
    return found


def test_windows_that_follow_one_another_are_one_stride_apart() -> None:
    assert decisions(*(window(i) for i in range(4))) == [(1, 0)] * 4


def test_windows_that_were_dropped_are_time_that_elapsed() -> None:
    found = decisions(window(0), window(1), window(4), window(5), window(12))
    assert found == [(1, 0), (1, 0), (3, 0), (1, 0), (7, 0)]


@pytest.mark.parametrize(("shift_us", "elapsed"), [(9_000, 3), (-9_000, 3), (11_000, 4)])
def test_strides_are_whole_numbers(shift_us: int, elapsed: int) -> None:
    assert decisions(window(0), window(3, shift_us=shift_us))[1] == (elapsed, 0)


def test_a_stride_shorter_than_the_engine_s_counts_as_one() -> None:
    assert decisions(window(0), window(0, index=1, shift_us=1_000))[1] == (1, 0)


def test_a_gap_up_to_the_card_s_limit_is_remembered_over_and_a_longer_one_not() -> None:
    num_strides = MAX_GAP_US // STRIDE_US
    assert decisions(window(0), window(num_strides))[1] == (num_strides, 0)
    assert decisions(window(0), window(num_strides, shift_us=1))[1] == (1, 1)
    assert decisions(window(0), window(10**6))[1] == (1, 1)


@pytest.mark.parametrize(
    "after",
    [
        window(3, index=8),  # a seek back, or a loop
        window(9, index=8, segment=1),  # a seek by less than the limit
        window(8, index=8, segment=1),  # the stream jumped and came back where it was
        window(8, index=0),  # windows are cut anew
        window(8, index=7),
    ],
)
def test_what_does_not_follow_begins_anew(after: Window) -> None:
    following = replace(after, index=after.index + 1, packet=window(20).packet)
    found = decisions(window(6), window(7), after, following)
    assert [forgotten for _, forgotten in found] == [0, 0, 1, 1]
    assert found[2][0] == 1


def test_windows_that_end_in_the_same_microsecond_follow_one_another() -> None:
    """Windows of a number of events do, where all of them came at once."""
    assert decisions(window(7), window(7, index=8), window(8, index=9)) == [(1, 0)] * 3


def test_a_window_that_failed_is_time_that_elapsed() -> None:
    stream = StreamMemory(CardEngine())
    for number, fails, expected in ((0, False, 1), (1, True, 1), (2, False, 2), (3, False, 1)):
        assert stream.elapsed(window(number)) == expected
        if not fails:
            stream.passed(window(number))


def test_an_engine_that_does_not_stream_has_no_memory(tiny_engine: Path) -> None:
    stream = StreamMemory(load_engine(tiny_engine, "cpu"))
    assert stream.memory is None
    assert stream.elapsed(window(0)) == 1
    stream.passed(window(0))
    assert stream.elapsed(window(900)) == 1


# With a real engine


@pytest.fixture(scope="module")
def engine(stream_engine: Path) -> Engine:
    return load_engine(stream_engine, "cpu")


CONFIG = WindowConfig(length_us=LENGTH_US, stride_us=STRIDE_US)


def depths(engine: Engine, windows: list[Window]) -> list[bytes]:
    inference = Inference(engine, SENSOR)
    return [inference.infer(each).depth.depth_m.tobytes() for each in windows]


def test_a_prediction_depends_on_the_windows_before_and_a_jump_cuts_them_off(
    engine: Engine,
) -> None:
    before, after = random_packets(10), random_packets(10, start_us=LATE_US, seed=1)
    whole = list(slide([*before, *after], CONFIG))
    num_before = len(list(slide(before, CONFIG)))
    found = depths(engine, whole)
    assert found[num_before:] == depths(engine, list(slide(after, CONFIG)))
    alone = [depths(engine, [each])[0] for each in whole]
    same = [i for i, (one, other) in enumerate(zip(found, alone, strict=True)) if one == other]
    assert same == [0, num_before]


def test_a_seek_by_less_than_the_longest_gap_begins_anew(engine: Engine) -> None:
    packets = random_packets(60)
    jumped = [*packets[:10], *packets[20:30]]
    found = depths(engine, list(slide(jumped, CONFIG)))
    expected = [
        said
        for part in (packets[:10], packets[20:30])
        for said in depths(engine, list(slide(part, CONFIG)))
    ]
    assert found == expected


class NotingEngine(WrappedEngine):
    """Notes what elapsed before each run."""

    def __init__(self, engine: Engine, before: Callable[[int], object] = lambda number: None):
        super().__init__(engine)
        self.elapsed: list[float] = []
        self._before = before

    def run(self, grid: np.ndarray, memory: object = None, *, elapsed: float = 1.0) -> object:
        self._before(len(self.elapsed))
        self.elapsed.append(elapsed)
        return super().run(grid, memory, elapsed=elapsed)


def scenes_of(
    packets: list[EventPacket], engine: Engine, configs: Sequence[FilterConfig] = ()
) -> list[bytes]:
    filters = tuple(config.build() for config in configs)
    config = PipelineConfig(windows=CONFIG, keeps_every_scene=True, filters=filters)
    with Pipeline(ScriptedSource(packets), engine, config) as pipeline:
        return [scene.prediction.depth.depth_m.tobytes() for scene in pipeline.scenes()]


FILTERS = (
    BackgroundActivityConfig(duration_us=5_000),
    RefractoryConfig(period_us=100_000),
    HotPixelsConfig(learn_us=20_000, ratio=1.5, min_rate_hz=1.0),
)


@pytest.mark.parametrize("filters", [(), *((each,) for each in FILTERS), FILTERS])
def test_another_sensor_begins_anew_in_every_stage(
    engine: Engine, filters: tuple[FilterConfig, ...]
) -> None:
    before = random_packets(10, num_events=2000)
    after = random_packets(10, start_us=100_000, sensor=SensorSize(64, 40), num_events=2000)
    found = scenes_of([*before, *after], engine, filters)
    expected = scenes_of(before, engine, filters) + scenes_of(after, engine, filters)
    assert found == expected


@pytest.mark.parametrize("filters", [(), FILTERS[:2]])  # a hot pixel stays one in the next round
def test_every_round_of_a_loop_says_the_same(
    engine: Engine, tmp_path: Path, filters: tuple[FilterConfig, ...]
) -> None:
    with Aedat4Writer(tmp_path / "a.aedat4", SENSOR) as writer:
        for packet in random_packets(10):
            writer.write(packet)
    steps = tuple(config.build() for config in filters)
    config = PipelineConfig(windows=CONFIG, keeps_every_scene=True, filters=steps)
    source = ReplaySource(tmp_path / "a.aedat4", math.inf, loop=True)
    with Pipeline(source, engine, config) as pipeline:
        scenes = list(itertools.islice(pipeline.scenes(), 12))
    said = [scene.prediction.depth.depth_m.tobytes() for scene in scenes]
    assert len({scene.packet.start_us for scene in scenes}) == 4
    assert said[:4] == said[4:8] == said[8:]
    assert len(set(said[:4])) == 4


def test_another_source_begins_anew_though_its_windows_would_follow(engine: Engine) -> None:
    first, second = random_packets(10), random_packets(10, start_us=100_000, seed=1)
    config = PipelineConfig(windows=CONFIG, keeps_every_scene=True)
    with Pipeline(ScriptedSource(first), engine, config) as pipeline:
        list(pipeline.scenes())
        pipeline.replace_source(ScriptedSource(second))
        found = [scene.prediction.depth.depth_m.tobytes() for scene in pipeline.scenes()]
    assert found == scenes_of(second, engine)


def test_a_live_stream_s_dropped_windows_are_told_to_the_engine(engine: Engine) -> None:
    has_begun, is_read = threading.Event(), threading.Event()

    def hold_up_the_reader(number: int) -> None:
        if number == 8:
            has_begun.wait(5)
        if number == 39:
            is_read.set()

    def hold_up_the_engine(number: int) -> None:
        has_begun.set()
        if number == 1:
            is_read.wait(5)

    noting = NotingEngine(engine, hold_up_the_engine)
    source = ScriptedSource(random_packets(40), is_live=True, before=hold_up_the_reader)
    with Pipeline(source, noting, PipelineConfig(windows=CONFIG)) as pipeline:
        for _ in pipeline.scenes():
            pass
        num_dropped = pipeline.stats().num_dropped_windows
    assert max(noting.elapsed) > 1
    assert sum(noting.elapsed) - len(noting.elapsed) == pytest.approx(num_dropped, abs=3)
