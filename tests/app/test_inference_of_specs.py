from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

import numpy as np
import pytest
from scripted_source import SENSOR, random_packets
from tiny_engine import tiny_card, tiny_module

from app.engines import load_engine
from app.inference import Inference
from events.representations.letterbox import Letterbox
from events.representations.representation import spec_kinds
from events.windows import WindowConfig, slide
from models.decode import decode
from models.model_file import save_model

CONFIGS = [
    WindowConfig(length_us=50_000, stride_us=20_000),
    WindowConfig(length_us=None, stride_us=None, length_events=700, stride_events=300),
]


@pytest.mark.parametrize("kind", spec_kinds())
def test_a_network_of_any_representation_runs_on_a_stream(kind: str, tmp_path: Path) -> None:
    spec = importlib.import_module(f"events.representations.{kind}").published()
    card = dataclasses.replace(tiny_card(), spec=spec)
    save_model(tmp_path / "tiny.safetensors", tiny_module(card), card)
    engine = load_engine(tmp_path / "tiny.safetensors", "cpu")
    letterbox = Letterbox(SENSOR, card.input_height, card.input_width)
    for config in CONFIGS:
        inference = Inference(engine, SENSOR)
        for window in slide(random_packets(20), config):
            found = inference.infer(window)
            grid = spec.network_input(window.packet, letterbox)
            expected = decode(card, engine.run(grid), letterbox)
            assert found.recognition is not None
            assert expected.recognition is not None
            np.testing.assert_allclose(
                found.recognition.scores, expected.recognition.scores, atol=1e-4
            )
