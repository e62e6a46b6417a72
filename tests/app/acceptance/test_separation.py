"""Inference stands in nobody's way, and what is shown is what was inferred from."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scripted_source import SENSOR, ScriptedSource, random_packets
from wrapped_engine import HeldEngine

from app.engines import load_engine
from app.inference import Inference
from app.pipeline import Pipeline, PipelineConfig
from events.filters import RefractoryConfig
from events.surface import Surface
from events.windows import Window, WindowConfig
from export.backends.backend import Engine


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
        assert not held.has_given_up
        held.gate.set()
        held.entered.clear()
    assert held.threads == {"saccade-inference"}


def test_what_is_on_display_is_what_the_filters_leave(engine: Engine) -> None:
    packets, config = random_packets(30), RefractoryConfig(period_us=400_000)
    expected, step = Surface(SENSOR), config.build()
    for packet in packets:
        expected.add(step.apply(packet))
    filters = PipelineConfig(keeps_every_scene=True, filters=(config.build(),))
    with Pipeline(ScriptedSource(packets), engine, filters) as pipeline:
        list(pipeline.scenes())
        shown = pipeline.surface
    assert shown is not None
    assert 0 < shown.num_events == expected.num_events < 30 * 500
    np.testing.assert_array_equal(shown.newest_us, expected.newest_us)


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
