"""Inference stands in nobody's way, and what is shown is what was inferred from."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scripted_source import SENSOR, ScriptedSource, random_packets
from wrapped_engine import WrappedEngine

from app.engines import load_engine
from app.inference import Inference
from app.pipeline import Pipeline, PipelineConfig
from events.filters import RefractoryConfig
from events.windows import Window, WindowConfig
from export.backends.backend import Engine


class HeldEngine(WrappedEngine):
    """A real engine that waits inside ``run`` until it is let go."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.entered, self.gate = threading.Event(), threading.Event()
        self.threads: set[str] = set()

    def before_run(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.entered.set()
        assert self.gate.wait(10)

    def close(self) -> None:
        self.gate.set()


@pytest.fixture
def engine(tiny_engine: Path) -> Engine:
    return load_engine(tiny_engine, "cpu")


@pytest.fixture
def held(engine: Engine) -> Iterator[HeldEngine]:
    held = HeldEngine(engine)
    yield held
    held.close()


def test_nothing_waits_for_an_engine_that_hangs(held: HeldEngine) -> None:
    recorded, went_on = [], threading.Event()

    def record(packet: object) -> None:
        recorded.append(packet)
        if len(recorded) > 20:
            went_on.set()

    source = ScriptedSource(random_packets(4000), is_live=True)
    with Pipeline(source, held) as pipeline:
        assert held.entered.wait(10)
        pipeline.set_recorder(record)
        pipeline.set_windows(WindowConfig(length_us=30_000, stride_us=10_000))
        pipeline.set_filters((RefractoryConfig(period_us=1000).build(),))
        pipeline.pause()
        pipeline.resume()
        assert went_on.wait(10)  # capture too
        assert not held.gate.is_set()
        held.gate.set()
        held.entered.clear()
    assert held.threads == {"saccade-inference"}


def test_predictions_are_those_of_the_events_that_are_shown(engine: Engine) -> None:
    config = PipelineConfig(
        keeps_every_scene=True, filters=(RefractoryConfig(period_us=400_000).build(),)
    )
    source = ScriptedSource(random_packets(30))
    with Pipeline(source, engine, config) as pipeline:
        scenes = list(pipeline.scenes())
    num_shown = [len(scene.packet) for scene in scenes]
    assert 0 < max(num_shown) < 2500  # 500 events in 10 ms came
    for scene in scenes:
        window = Window(scene.index, scene.packet, scene.is_partial)
        expected = Inference(engine, SENSOR).infer(window)
        assert scene.prediction is not None
        assert expected.recognition is not None
        assert scene.prediction.recognition is not None
        np.testing.assert_allclose(
            scene.prediction.recognition.scores, expected.recognition.scores, atol=1e-5
        )
