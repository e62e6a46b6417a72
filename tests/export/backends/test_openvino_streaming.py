from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from stream_engine import HEIGHT, WIDTH, stream_card, write_stream_engine
from tiny_engine import tiny_card, tiny_module

from export.backends import onnxruntime, openvino
from export.backends.backend import EngineError
from export.backends.openvino import OpenVinoEngine, OpenVinoMemory
from export.libraries import is_installed
from export.onnx_graph import write_model, write_onnx
from export.parity import Tolerance
from export.providers import openvino as provider
from export.providers.provider import Setup
from export.stream_parity import compare_stream
from models.card import ModelCard
from models.model_file import load_model

pytestmark = pytest.mark.skipif(not is_installed("openvino"), reason="pip install openvino")
NUM_WINDOWS = 50
MAX_ERROR = 1e-4
ELAPSED = {9: 2.0, 20: 5.0, 35: 40.0}
"""Strides before some windows; before the others one."""


@pytest.fixture(scope="module")
def stream_engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stream_engine(tmp_path_factory.mktemp("stream_engine"), "conv_recurrent")


@pytest.fixture(autouse=True)
def it_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this CPU has: what is compared is the memory."""
    made = provider.setup

    def setup(path: Path, card: ModelCard) -> Setup:
        its = made(path, card)
        return replace(its, options={**its.options, "INFERENCE_PRECISION_HINT": "f32"})

    monkeypatch.setattr(provider, "setup", setup)


@pytest.fixture(scope="module")
def grids() -> np.ndarray:
    random = np.random.default_rng(0)
    return random.normal(size=(NUM_WINDOWS, 5, HEIGHT, WIDTH)).astype(np.float32)


def test_streamed_windows_are_onnx_runtimes_also_after_a_seek(
    stream_engine: Path, grids: np.ndarray
) -> None:
    engine, reference = (
        openvino.load(stream_engine),
        onnxruntime.load(stream_engine, provider="cpu"),
    )
    memory, other = engine.new_memory(), reference.new_memory()
    assert memory is not None
    assert other is not None
    for i, grid in enumerate(grids):
        if i == NUM_WINDOWS - 5:
            memory.forget()
            other.forget()
        elapsed = ELAPSED.get(i, 1.0)
        found = engine.run(grid, memory, elapsed=elapsed)
        expected = reference.run(grid, other, elapsed=elapsed)
        assert set(found) == set(expected)
        for name, output in expected.items():
            np.testing.assert_allclose(
                found[name], output, atol=MAX_ERROR, rtol=0, err_msg=f"{name} of window {i}"
            )


def test_nothing_is_allocated_or_copied_between_windows(
    stream_engine: Path, grids: np.ndarray
) -> None:
    engine = openvino.load(stream_engine)
    memory = engine.new_memory()
    assert memory is not None
    first = addresses(memory)
    assert len({*first[0].values(), *first[1].values()}) == 2 * len(first[0])
    for i, grid in enumerate(grids[:4]):
        engine.run(grid, memory)
        read, written = addresses(memory)[::-1]
        assert (read, written) == (first if i % 2 == 0 else first[::-1])
        assert read == bound(engine, "memory_", read)
        assert written == bound(engine, "next_memory_", written)


def addresses(memory: OpenVinoMemory) -> tuple[dict[str, int], ...]:
    """Where what is remembered lies, then where the next is written."""
    sets = (memory._current, memory._next)
    return tuple({name: each.data.ctypes.data for name, each in one.items()} for one in sets)


def bound(engine: OpenVinoEngine, prefix: str, names: dict[str, int]) -> dict[str, int]:
    return {n: engine._request.get_tensor(prefix + n).data.ctypes.data for n in names}


def test_two_streams_of_an_engine_are_strangers_and_one_forgets_when_told(
    stream_engine: Path, grids: np.ndarray
) -> None:
    engine = openvino.load(stream_engine)

    def said(grid: np.ndarray, memory: object = None) -> bytes:
        return engine.run(grid, memory)["depth"].tobytes()

    alone = [said(grid) for grid in grids[:3]]
    one, other = engine.new_memory(), engine.new_memory()
    assert one is not None
    assert said(grids[0], one) == alone[0]
    assert said(grids[1], one) != alone[1]
    assert said(grids[1], other) == alone[1]
    assert said(grids[2]) == alone[2]
    assert said(grids[2], one) not in (alone[2], said(grids[2], other))
    one.forget()
    assert said(grids[2], one) == alone[2]


def test_a_refused_run_leaves_the_memory_as_it_was(stream_engine: Path, grids: np.ndarray) -> None:
    engine = openvino.load(stream_engine)
    memory = engine.new_memory()
    assert memory is not None
    engine.run(grids[0], memory)
    before = addresses(memory)
    with pytest.raises(ValueError, match="engine takes"):
        engine.run(grids[0, :, :16], memory)
    assert addresses(memory) == before


def test_half_precision_remembers_in_half(
    stream_engine: Path, grids: np.ndarray, tmp_path: Path
) -> None:
    module, card = load_model(stream_engine.with_suffix(".safetensors"))
    path = tmp_path / "half.onnx"
    write_onnx(module.eval(), replace(card, precision="fp16"), path)
    engine = openvino.load(path)
    memory = engine.new_memory()
    assert memory is not None
    kinds = {name: tensor.data.dtype for name, tensor in memory._current.items()}
    assert np.float16 in kinds.values()
    assert set(kinds.values()) <= {np.dtype(np.float16), np.dtype(np.int32)}
    report = compare_stream(module.eval(), engine, list(grids))
    assert report.failures(Tolerance.half()) == []


def test_a_card_that_disagrees_about_memory_is_refused(stream_engine: Path, tmp_path: Path) -> None:
    model = onnx.load(stream_engine)
    card = stream_card("conv_recurrent")
    write_model(model, replace(card, is_streaming=False), tmp_path / "still.onnx")
    with pytest.raises(EngineError, match=r"takes .*memory_.*export it again"):
        openvino.load(tmp_path / "still.onnx")
    lost = model.graph.output.pop()
    assert lost.name.startswith("next_memory_")
    write_model(model, card, tmp_path / "lost.onnx")
    with pytest.raises(EngineError, match=f"takes .*{lost.name.removeprefix('next_')}"):
        openvino.load(tmp_path / "lost.onnx")


def test_as_many_tokens_as_attention_heads_are_told_apart(
    grids: np.ndarray, tmp_path: Path
) -> None:
    card = replace(tiny_card(), input_height=HEIGHT, input_width=WIDTH)  # 1 x 2 cells, 2 heads
    path = tmp_path / "two.onnx"
    write_onnx(tiny_module(card), card, path)
    found = openvino.load(path).run(grids[0])
    for name, output in onnxruntime.load(path, provider="cpu").run(grids[0]).items():
        np.testing.assert_allclose(found[name], output, atol=MAX_ERROR, rtol=0, err_msg=name)


def test_attention_over_what_is_remembered_is_refused(tmp_path: Path) -> None:
    path = write_stream_engine(tmp_path, "causal_transformer")
    with pytest.raises(EngineError, match=r"attention .* not reliable here.*use --provider cpu"):
        openvino.load(path)
