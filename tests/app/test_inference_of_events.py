from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scripted_source import SENSOR, random_packets
from tiny_engine import tiny_card, tiny_module

from app.inference import Inference
from events.packet import SensorSize
from events.windows import WindowConfig, slide
from export.backends.backend import EngineError
from export.backends.eager import EagerEngine

CONFIGS = [
    WindowConfig(length_us=50_000, stride_us=20_000),
    WindowConfig(length_us=None, stride_us=None, length_events=700, stride_events=300),
]


def events_engine(sensor: SensorSize) -> EagerEngine:
    size = (sensor.width, sensor.height)
    card = dataclasses.replace(tiny_card(), input="events", sensor=size, is_decoded=True)
    return EagerEngine(tiny_module(card), card)


@pytest.mark.parametrize("config", CONFIGS, ids=["overlapping", "counted"])
def test_an_engine_of_raw_events_is_fed_them(config: WindowConfig) -> None:
    inference = Inference(events_engine(SENSOR), SENSOR)
    of_grids = Inference(EagerEngine(tiny_module(tiny_card()), tiny_card()), SENSOR)
    for window in slide(random_packets(20), config):
        found = inference.infer(window)
        expected = of_grids.infer(window)
        assert found.recognition is not None
        assert expected.recognition is not None
        np.testing.assert_allclose(found.recognition.scores, expected.recognition.scores, atol=1e-4)
        assert found.segmentation is not None
        assert found.segmentation.class_ids.shape == (SENSOR.height, SENSOR.width)


def test_another_sensor_fails_window_by_window_not_before() -> None:
    inference = Inference(events_engine(SensorSize(9, 9)), SENSOR)
    window = next(slide(random_packets(20), CONFIGS[0]))
    for _ in range(2):
        with pytest.raises(EngineError, match=f"of a 9x9 sensor, got {SENSOR}"):
            inference.infer(window)
