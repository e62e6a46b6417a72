"""ONNX engines of raw events: their grids are the definition's, their answers a grid engine's."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from event_packets import START_US, edge_windows, random_window
from tiny_engine import tiny_card, tiny_module
from torch import Tensor, nn

from events.packet import EventPacket, SensorSize, empty_packet
from events.representations.letterbox import Letterbox
from events.representations.representation import spec_kinds
from export.backends import onnxruntime
from export.backends.backend import EngineError, EventEngine
from export.backends.onnxruntime import OnnxEngine
from export.onnx_graph import write_model, write_onnx
from models.card import DEPTH_M, LABELS, ModelCard
from models.decode import decode

SENSOR = SensorSize(120, 90)
CARD = dataclasses.replace(tiny_card(), input="events", sensor=(120, 90), is_decoded=True)


class GridItself(nn.Module):
    """A network that says what it is fed."""

    def forward(self, events: Tensor) -> dict[str, Tensor]:
        return {"tokens": events}


def grid_engine(folder: Path, card: ModelCard) -> OnnxEngine:
    write_onnx(GridItself(), dataclasses.replace(card, tasks=()), folder / "grid.onnx")
    return onnxruntime.load(folder / "grid.onnx", provider="cpu")


@pytest.fixture(scope="module")
def engine_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("events") / "events.onnx"
    write_onnx(tiny_module(CARD), CARD, path)
    return path


@pytest.fixture(scope="module")
def engine(engine_path: Path) -> OnnxEngine:
    return onnxruntime.load(engine_path, provider="cpu")


@pytest.mark.parametrize("kind", spec_kinds())
def test_the_grid_made_inside_is_the_definitions(kind: str, tmp_path: Path) -> None:
    spec = importlib.import_module(f"events.representations.{kind}").published()
    card = dataclasses.replace(CARD, spec=spec, is_decoded=False)
    engine = grid_engine(tmp_path, card)
    letterbox = Letterbox(SENSOR, card.input_height, card.input_width)
    for name, packet in edge_windows(SENSOR).items():
        found = engine.run_events(packet)["tokens"][0]
        expected = spec.network_input(packet, letterbox)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5, err_msg=name)


def test_a_million_and_a_half_events_fit_and_a_smaller_window_follows(tmp_path: Path) -> None:
    card = dataclasses.replace(CARD, sensor=(640, 480), is_decoded=False)
    engine = grid_engine(tmp_path, card)
    sensor = SensorSize(640, 480)
    letterbox = Letterbox(sensor, card.input_height, card.input_width)
    for num_events in (1_500_000, 10):
        packet = random_window(num_events, sensor)
        found = engine.run_events(packet)["tokens"][0]
        expected = card.spec.network_input(packet, letterbox)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_events_in_say_what_the_grid_says(engine: OnnxEngine, tiny_engine: Path) -> None:
    assert isinstance(engine, EventEngine)
    assert engine.is_fed_events
    grids = onnxruntime.load(tiny_engine, provider="cpu")
    letterbox = Letterbox(SENSOR, CARD.input_height, CARD.input_width)
    for name, packet in edge_windows(SENSOR).items():
        outputs = engine.run_events(packet)
        assert {k: (v.shape, v.dtype) for k, v in outputs.items()} == {
            "recognition": ((1, 7), np.float32),
            LABELS: ((1, 90, 120), np.uint8),
            DEPTH_M: ((1, 90, 120), np.float16),
        }
        found = decode(CARD, outputs, letterbox)
        grid = CARD.spec.network_input(packet, letterbox)
        expected = decode(tiny_card(), grids.run(grid), letterbox)
        assert found.recognition is not None
        assert expected.recognition is not None
        scores = (found.recognition.scores, expected.recognition.scores)
        np.testing.assert_allclose(*scores, atol=1e-4, err_msg=name)
        assert found.segmentation is not None
        assert expected.segmentation is not None
        same = found.segmentation.class_ids == expected.segmentation.class_ids
        assert same.mean() > 0.999
        assert found.depth is not None
        assert expected.depth is not None
        np.testing.assert_allclose(found.depth.depth_m, expected.depth.depth_m, rtol=2e-3)


def test_equal_windows_give_equal_answers_whatever_came_between(engine: OnnxEngine) -> None:
    packet = random_window(900, SENSOR)
    before = {name: value.copy() for name, value in engine.run_events(packet).items()}
    engine.run_events(random_window(9000, SENSOR))
    after = engine.run_events(packet)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_window_can_be_staged_while_another_waits(engine: OnnxEngine) -> None:
    packets = [random_window(900, SENSOR), random_window(2000, SENSOR)]
    expected = [engine.run_events(packet)["recognition"].copy() for packet in packets]
    staged = [engine.stage(packet) for packet in packets]
    for each, scores in zip(staged, expected, strict=True):
        assert np.array_equal(engine.run_staged(each)["recognition"], scores)


def test_a_window_of_another_length_is_taken_as_if_it_were_the_engines(
    tmp_path: Path,
) -> None:
    engine = grid_engine(tmp_path, dataclasses.replace(CARD, is_decoded=False))
    window = random_window(800, SENSOR, duration_us=20_000)
    packet = EventPacket(window.events, SENSOR, START_US, START_US + 20_000)
    letterbox = Letterbox(SENSOR, CARD.input_height, CARD.input_width)
    found = engine.run_events(packet)["tokens"][0]
    expected = CARD.spec.network_input(packet, letterbox)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_another_sensor_and_a_grid_are_refused_in_one_line(engine: OnnxEngine) -> None:
    with pytest.raises(EngineError, match=r"of a 120x90 sensor, got 9x9: .* with --events 9x9"):
        engine.run_events(empty_packet(SensorSize(9, 9), 0, 1))
    with pytest.raises(ValueError, match="takes raw events, got a grid: use run_events"):
        engine.run(np.zeros((5, 64, 96), np.float32))


def test_a_card_that_disagrees_with_its_graph_is_refused(engine_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "changed.onnx"
    for changes, message in (
        ({"input": "grid", "sensor": None, "is_decoded": False}, "its card says"),
        ({"sensor": (90, 120)}, r"of shape \[1, 90, 120\], its card has a sensor of \(90, 120\)"),
        ({"is_decoded": False}, "gives depth_m, recognition, segmentation_labels, its card says"),
    ):
        write_model(onnx.load(engine_path), dataclasses.replace(CARD, **changes), path)
        with pytest.raises(EngineError, match=message):
            onnxruntime.load(path)


def test_a_window_too_long_for_whole_numbers_is_no_engine(tmp_path: Path) -> None:
    card = dataclasses.replace(CARD, window_us=500 * 10**6)
    with pytest.raises(ValueError, match=r"may last 429 s .* got 500 s"):
        write_onnx(tiny_module(card), card, tmp_path / "long.onnx")
