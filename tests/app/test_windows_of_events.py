from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scripted_source import SENSOR, ScriptedSource, random_packets
from wrapped_engine import WrappedEngine

from app.engines import load_engine
from app.inference import Inference
from app.pipeline import Pipeline, PipelineConfig
from app.scene import Scene
from events.packet import EventPacket, empty_packet, pack_events
from events.windows import WindowConfig, slide
from export.backends.backend import Engine, Memory, Outputs

LATE_US = 10**15


def by_events(length: int, stride: int | None = None) -> PipelineConfig:
    windows = WindowConfig(
        length_us=None, stride_us=None, length_events=length, stride_events=stride
    )
    return PipelineConfig(windows=windows, keeps_every_scene=True, is_strict=True)


def burst(num: int, t_us: int) -> EventPacket:
    """Return events of one microsecond in a packet of 10 ms."""
    place = np.arange(num)
    events = pack_events(np.full(num, t_us), place % 48, place // 48 % 32, place % 2)
    return EventPacket(events, SENSOR, t_us, t_us + 10_000)


def scenes_of(packets: list[EventPacket], engine: Engine, config: PipelineConfig) -> list[Scene]:
    with Pipeline(ScriptedSource(packets), engine, config) as pipeline:
        return list(pipeline.scenes())


def depth_of(scene: Scene) -> np.ndarray:
    assert scene.prediction is not None
    assert scene.prediction.depth is not None
    return scene.prediction.depth.depth_m


def wait_until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(0.002)


def test_scenes_are_those_of_the_windows_one_by_one(tiny_engine: Path) -> None:
    engine, config = load_engine(tiny_engine, "cpu"), by_events(1_200, 500)
    packets = random_packets(12, start_us=LATE_US)
    scenes = scenes_of(packets, engine, config)
    windows = list(slide(packets, config.windows))
    assert len(scenes) == len(windows) == 11
    inference = Inference(engine, SENSOR)
    for scene, window in zip(scenes, windows, strict=True):
        expected = inference.infer(window)
        assert expected.depth is not None
        assert np.array_equal(depth_of(scene), expected.depth.depth_m)


def test_events_of_one_microsecond_are_understood(tiny_engine: Path) -> None:
    engine = load_engine(tiny_engine, "cpu")
    scenes = scenes_of([burst(1_000, LATE_US)], engine, by_events(300))
    assert [len(scene.packet) for scene in scenes] == [300, 300, 300, 100]
    assert {scene.packet.duration_us for scene in scenes} == {1}
    assert all(np.isfinite(depth_of(scene)).all() for scene in scenes)


def test_two_events_an_age_apart_are_understood(tiny_engine: Path) -> None:
    events = pack_events([0, LATE_US - 1], [3, 4], [5, 6], [0, 1])
    packets = [EventPacket(events, SENSOR, 0, LATE_US)]
    [scene] = scenes_of(packets, load_engine(tiny_engine, "cpu"), by_events(2))
    assert (scene.packet.start_us, scene.packet.end_us) == (0, LATE_US)
    assert np.isfinite(depth_of(scene)).all()


def test_in_a_quiet_scene_the_surface_goes_on_and_what_gathers_is_told(tiny_engine: Path) -> None:
    packets = random_packets(3, num_events=100, start_us=LATE_US)
    end_us = packets[-1].end_us
    quiet = [
        empty_packet(SENSOR, end_us + i * 10_000, end_us + (i + 1) * 10_000) for i in range(50)
    ]
    source = ScriptedSource([*packets, *quiet], is_live=True, ends=False)
    engine = load_engine(tiny_engine, "cpu")
    with Pipeline(source, engine, by_events(1_000)) as pipeline:
        wait_until(lambda: pipeline.surface and pipeline.surface.clock_us == quiet[-1].end_us)
        assert pipeline.take_scene() is None
        wait_until(lambda: pipeline.stats().clock_us == quiet[-1].end_us)
        assert pipeline.stats().num_gathered == 300
        assert pipeline.stats().windows_asked_per_s == 0


class ElapsedEngine(WrappedEngine):
    """Notes what elapsed before each run."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.elapsed: list[float] = []

    def run(
        self, grid: np.ndarray, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        self.elapsed.append(elapsed)
        return super().run(grid, memory, elapsed=elapsed)


@pytest.fixture
def streaming(stream_engine: Path) -> ElapsedEngine:
    return ElapsedEngine(load_engine(stream_engine, "cpu"))


def test_an_engine_that_remembers_is_told_the_time_between_windows(
    streaming: ElapsedEngine,
) -> None:
    slow = random_packets(12, num_events=50)  # a window of 300 events in 60 ms: 3 strides
    fast = random_packets(4, num_events=1_500, start_us=slow[-1].end_us)  # one in 2 ms
    scenes_of([*slow, *fast], streaming, by_events(300))
    assert streaming.elapsed == [1.0, 3.0, *[1.0] * 20]


def test_an_engine_remembers_over_windows_of_the_same_microsecond_but_no_long_silence(
    streaming: ElapsedEngine,
) -> None:
    first, second = burst(600, 0), burst(600, 10_000 + 10**6)
    quiet = empty_packet(SENSOR, 10_000, 10_000 + 10**6)
    scenes = scenes_of([first, quiet, second], streaming, by_events(300))
    depths = [depth_of(scene).tobytes() for scene in scenes]
    alone = [depth_of(scene).tobytes() for scene in scenes_of([first], streaming, by_events(300))]
    assert streaming.elapsed == [1.0] * 6
    assert depths[:2] == alone
    assert depths[0] != depths[1]  # the second knew of the first
    assert depths[2:] == alone  # and the third of none, after more than the card's longest gap
