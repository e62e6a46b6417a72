"""Engines that remember and take raw events: they say what a streaming grid engine says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from event_packets import edge_windows, random_window
from stream_engine import HEIGHT, WIDTH

from events.packet import EventPacket, SensorSize
from events.representations.letterbox import Letterbox
from export.backends import onnxruntime
from export.backends.backend import Outputs
from export.backends.eager import EagerEngine
from export.backends.onnxruntime import OnnxEngine
from export.onnx_graph import write_onnx
from export.onnx_memory import OnnxMemory
from export.parity import Tolerance
from export.stream_parity import compare_stream
from models.model_file import load_model

SENSOR = SensorSize(120, 90)
NUM_WINDOWS = 50
MAX_ERROR = 1e-4
DECODED = "decoded.onnx"


@pytest.fixture(scope="module")
def engine_path(stream_engine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The streaming engine's network fed raw events; decoded.onnx beside it decodes too."""
    module, card = load_model(stream_engine.with_suffix(".safetensors"))
    card = replace(card, input="events", sensor=(SENSOR.width, SENSOR.height))
    folder = tmp_path_factory.mktemp("event_streaming")
    write_onnx(module.eval(), card, folder / "events.onnx")
    write_onnx(module.eval(), replace(card, is_decoded=True), folder / DECODED)
    return folder / "events.onnx"


@pytest.fixture(scope="module")
def packets() -> list[EventPacket]:
    """Windows of many sizes, odd ones among them."""
    sizes = (20, 300, 5_000, 2_000)
    windows = [*(random_window(size, SENSOR) for size in sizes), *edge_windows(SENSOR).values()]
    return [windows[i % len(windows)] for i in range(NUM_WINDOWS)]


def elapsed_of(index: int) -> float:
    """Mostly the next window, now and then one after a gap, of a whole context once."""
    return {9: 2.0, 20: 5.0, 35: 40.0}.get(index, 1.0)


def copied(outputs: Outputs) -> dict[str, np.ndarray]:
    return {name: output.copy() for name, output in outputs.items()}


def streamed(engine: OnnxEngine | EagerEngine, packets: list[EventPacket]) -> list[Outputs]:
    memory = engine.new_memory()
    assert memory is not None
    return [
        copied(engine.run_events(packet, memory, elapsed=elapsed_of(i)))
        for i, packet in enumerate(packets)
    ]


def assert_same(found: list[Outputs], expected: list[Outputs]) -> None:
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert set(one) == set(other)
        for name, output in other.items():
            message = f"{name} of window {i}"
            np.testing.assert_allclose(one[name], output, atol=MAX_ERROR, rtol=0, err_msg=message)


def test_streamed_events_say_what_streamed_grids_say(
    stream_engine: Path, engine_path: Path, packets: list[EventPacket]
) -> None:
    grids = onnxruntime.load(stream_engine, provider="cpu")
    letterbox = Letterbox(SENSOR, HEIGHT, WIDTH)
    memory = grids.new_memory()
    expected = []
    for i, packet in enumerate(packets):
        grid = grids.card.spec.network_input(packet, letterbox)
        expected.append(copied(grids.run(grid, memory, elapsed=elapsed_of(i))))
    engine = onnxruntime.load(engine_path, provider="cpu")
    assert engine.is_fed_events
    assert_same(streamed(engine, packets), expected)
    module, _ = load_model(stream_engine.with_suffix(".safetensors"))
    assert_same(streamed(EagerEngine(module, engine.card), packets), expected)


def test_the_graph_leaves_open_how_many_events_there_are_and_nothing_else(
    engine_path: Path,
) -> None:
    inputs = {
        item.name: [size.dim_param or size.dim_value for size in item.type.tensor_type.shape.dim]
        for item in onnx.load(engine_path).graph.input
    }
    assert list(inputs)[:5] == ["t", "x", "y", "p", "elapsed"]
    assert all(inputs[name] == ["num_events"] for name in "txyp")
    assert len(inputs) > len("txyp") + 1
    assert all(isinstance(size, int) for name in list(inputs)[4:] for size in inputs[name])


def test_staged_windows_of_two_streams_stay_apart_and_one_that_is_dropped_is_not_remembered(
    engine_path: Path, packets: list[EventPacket]
) -> None:
    engine = onnxruntime.load(engine_path, provider="cpu")

    def said(packet: EventPacket, memory: object = None) -> bytes:
        return engine.run_staged(engine.stage(packet), memory)["depth"].tobytes()

    alone = [said(packet) for packet in packets[:3]]
    one, other = engine.new_memory(), engine.new_memory()
    assert one is not None
    assert said(packets[0], one) == alone[0]
    waiting, _dropped = engine.stage(packets[1]), engine.stage(packets[3])
    assert said(packets[1], other) == alone[1]
    second = engine.run_staged(waiting, one)["depth"].tobytes()
    assert second != alone[1]
    assert said(packets[2], one) not in (alone[2], said(packets[2], other))
    one.forget()
    assert [said(packet, one) for packet in packets[:2]] == [alone[0], second]


@pytest.mark.parametrize("name", ["events.onnx", DECODED])
def test_parity_over_a_stream_of_events_holds_and_sees_an_engine_that_forgets(
    stream_engine: Path,
    engine_path: Path,
    packets: list[EventPacket],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module, _ = load_model(stream_engine.with_suffix(".safetensors"))
    engine = onnxruntime.load(engine_path.with_name(name), provider="cpu")
    report = compare_stream(module.eval(), engine, packets)
    assert report.num_windows == NUM_WINDOWS
    assert report.failures(Tolerance.stream()) == []
    monkeypatch.setattr(OnnxMemory, "advance", lambda memory: None)
    report = compare_stream(module.eval(), engine, packets)
    assert any("segmentation" in failure for failure in report.failures(Tolerance.stream()))


def test_a_half_precision_engine_makes_its_grid_in_float32(
    stream_engine: Path, engine_path: Path, packets: list[EventPacket], tmp_path: Path
) -> None:
    module, _ = load_model(stream_engine.with_suffix(".safetensors"))
    card = onnxruntime.load(engine_path, provider="cpu").card
    write_onnx(module.eval(), replace(card, precision="fp16"), tmp_path / "half.onnx")
    half = onnxruntime.load(tmp_path / "half.onnx", provider="cpu")
    report = compare_stream(module.eval(), half, packets[:20])
    assert report.failures(Tolerance.half()) == []
