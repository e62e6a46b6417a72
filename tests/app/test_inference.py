from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scripted_source import SENSOR, random_packets

from app.engines import load_engine
from app.inference import Inference
from events.representations.letterbox import Letterbox
from events.windows import WindowConfig, slide
from export.backends.backend import Engine
from models.decode import decode

CONFIGS = [
    WindowConfig(length_us=50_000, stride_us=20_000),
    WindowConfig(length_us=30_000, stride_us=30_000),
    WindowConfig(length_us=None, stride_us=None, length_events=700, stride_events=300),
]


@pytest.fixture(scope="module")
def engine(tiny_engine: Path) -> Engine:
    return load_engine(tiny_engine, "cpu")


@pytest.mark.parametrize("config", CONFIGS, ids=["overlapping", "touching", "counted"])
def test_windows_are_inferred_as_if_each_were_alone(engine: Engine, config: WindowConfig) -> None:
    card = engine.card
    letterbox = Letterbox(SENSOR, card.input_height, card.input_width)
    inference = Inference(engine, SENSOR)
    for window in slide(random_packets(20), config):
        found = inference.infer(window)
        grid = card.spec.network_input(window.packet, letterbox)
        expected = decode(card, engine.run(grid), letterbox)
        assert found.recognition is not None
        assert expected.recognition is not None
        assert found.depth is not None
        assert expected.depth is not None
        np.testing.assert_allclose(found.recognition.scores, expected.recognition.scores, atol=1e-4)
        np.testing.assert_allclose(found.depth.depth_m, expected.depth.depth_m, atol=1e-3)


def test_a_prediction_is_not_overwritten_by_the_next(engine: Engine) -> None:
    inference = Inference(engine, SENSOR)
    windows = list(slide(random_packets(20), CONFIGS[0]))
    first = inference.infer(windows[0])
    assert first.depth is not None
    kept = first.depth.depth_m.copy()
    for window in windows[1:5]:
        inference.infer(window)
    assert np.array_equal(first.depth.depth_m, kept)
