from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from stream_engine import HEIGHT, WIDTH, stream_card, stream_module
from tiny_engine import TASKS

from export.backends import eager, onnxruntime
from export.backends.backend import EngineError
from export.onnx_graph import write_model, write_onnx
from export.onnx_memory import OnnxMemory
from models.model_file import load_model

NUM_WINDOWS = 200
MAX_ERROR = 1e-4


@pytest.fixture(scope="module")
def grids() -> np.ndarray:
    random = np.random.default_rng(0)
    return random.normal(size=(NUM_WINDOWS, 5, HEIGHT, WIDTH)).astype(np.float32)


@pytest.fixture(scope="module")
def elapsed() -> np.ndarray:
    """Mostly the next window, now and then one after a gap, of a whole context at times."""
    strides = np.ones(NUM_WINDOWS, np.float32)
    strides[[30, 31, 90, 140]] = 2, 3, 7, 9
    strides[[60, 170]] = 16, 40
    return strides


@torch.no_grad()
def offline(engine_path: Path, grids: np.ndarray, elapsed: np.ndarray) -> dict[str, np.ndarray]:
    module, _ = load_model(engine_path.with_suffix(".safetensors"))
    said = module.eval().forward_sequence(
        torch.from_numpy(grids)[None], torch.from_numpy(elapsed)[None]
    )
    return {name: value[0].numpy() for name, value in said.items()}


@pytest.mark.parametrize("backend", [onnxruntime, eager], ids=["onnxruntime", "eager"])
def test_streamed_windows_equal_the_offline_causal_pass(
    stream_engine: Path, grids: np.ndarray, elapsed: np.ndarray, backend: object
) -> None:
    expected = offline(stream_engine, grids, elapsed)
    engine = backend.load(stream_engine.with_suffix(backend.SUFFIX), provider="cpu")
    memory = engine.new_memory()
    for i, (grid, strides) in enumerate(zip(grids, elapsed, strict=True)):
        found = engine.run(grid, memory, elapsed=float(strides))
        for task in TASKS:
            np.testing.assert_allclose(found[task][0], expected[task][i], atol=MAX_ERROR, rtol=0)


def test_nothing_is_allocated_or_copied_between_windows(
    stream_engine: Path, grids: np.ndarray
) -> None:
    engine = onnxruntime.load(stream_engine, provider="cpu")
    memory = engine.new_memory()
    assert memory is not None
    first, second = addresses(memory), []
    assert len({*first[0].values(), *first[1].values()}) == 2 * len(first[0])
    for grid in grids[:5]:
        engine.run(grid, memory)
        second.append(addresses(memory))
    assert second == [first[::-1], first, first[::-1], first, first[::-1]]
    memory.forget()
    assert addresses(memory) == first[::-1]


def addresses(memory: OnnxMemory) -> tuple[dict[str, int], ...]:
    """Where what is remembered lies, then where the next is written."""
    sets = (memory._current, memory._next)
    return tuple({name: value.data_ptr() for name, value in each.items()} for each in sets)


@pytest.mark.parametrize("backend", [onnxruntime, eager], ids=["onnxruntime", "eager"])
def test_two_streams_of_an_engine_are_strangers_and_one_forgets_when_told(
    stream_engine: Path, grids: np.ndarray, backend: object
) -> None:
    engine = backend.load(stream_engine.with_suffix(backend.SUFFIX), provider="cpu")

    def said(grid: np.ndarray, memory: object = None) -> bytes:
        return engine.run(grid, memory)["depth"].tobytes()

    alone = [said(grid) for grid in grids[:3]]
    one, other = engine.new_memory(), engine.new_memory()
    assert said(grids[0], one) == alone[0]
    assert said(grids[1], one) != alone[1]
    assert said(grids[1], other) == alone[1]
    assert said(grids[2]) == alone[2]
    remembered = said(grids[2], one)
    assert remembered not in (alone[2], said(grids[2], other))
    one.forget()
    assert said(grids[2], one) == alone[2]


def test_a_failed_run_leaves_the_memory_as_it_was(stream_engine: Path, grids: np.ndarray) -> None:
    engine = onnxruntime.load(stream_engine, provider="cpu")
    memory = engine.new_memory()
    engine.run(grids[0], memory)
    before = addresses(memory)
    with pytest.raises(ValueError, match="engine takes"):
        engine.run(grids[0, :, :16], memory)
    assert addresses(memory) == before


def test_half_precision_remembers_in_half_and_counts_in_integers(
    stream_engine: Path, grids: np.ndarray, tmp_path: Path
) -> None:
    module, card = load_model(stream_engine.with_suffix(".safetensors"))
    write_onnx(module.eval(), replace(card, precision="fp16"), tmp_path / "half.onnx")
    engine = onnxruntime.load(tmp_path / "half.onnx", provider="cpu")
    memory = engine.new_memory()
    assert memory is not None
    kinds = {name: value.data_type() for name, value in memory._current.items()}
    counters = {"num_seen", "written"} & set(kinds)
    assert {kinds[name] for name in counters} <= {"tensor(int32)"}
    assert {kinds[name] for name in set(kinds) - counters} == {"tensor(float16)"}
    expected = offline(stream_engine, grids[:60], np.ones(60, np.float32))
    for i in range(60):
        found = engine.run(grids[i], memory)
        assert found["segmentation"].dtype == np.float32
        np.testing.assert_allclose(found["segmentation"][0], expected["segmentation"][i], atol=0.05)


def test_a_streaming_engine_has_static_shapes_and_pairs_its_memory(stream_engine: Path) -> None:
    graph = onnx.load(stream_engine).graph
    inputs, outputs = (
        {each.name: each.type for each in values} for values in (graph.input, graph.output)
    )
    assert list(inputs)[:2] == ["events", "elapsed"]
    assert list(outputs)[:3] == list(TASKS)
    remembered = {name: kind for name, kind in inputs.items() if name.startswith("memory_")}
    assert remembered
    assert {f"next_{name}": kind for name, kind in remembered.items()} == {
        name: kind for name, kind in outputs.items() if name.startswith("next_memory_")
    }
    sizes = [size for kind in (*inputs.values(), *outputs.values()) for size in sizes_of(kind)]
    assert all(size > 0 for size in sizes)


def sizes_of(kind: onnx.TypeProto) -> list[int]:
    return [each.dim_value for each in kind.tensor_type.shape.dim]


def test_a_bare_encoder_streams_its_tokens(grids: np.ndarray, tmp_path: Path) -> None:
    card = stream_card("conv_recurrent", tasks=())
    module = stream_module(card)
    write_onnx(module, card, tmp_path / "bare.onnx")
    engine = onnxruntime.load(tmp_path / "bare.onnx", provider="cpu")
    with torch.no_grad():
        expected = module.forward_sequence(torch.from_numpy(grids[None, :5]), torch.ones(1, 5))
    memory = engine.new_memory()
    for i in range(5):
        found = engine.run(grids[i], memory)["tokens"]
        np.testing.assert_allclose(found[0], expected["tokens"][0, i], atol=MAX_ERROR)


def test_a_card_that_disagrees_about_memory_is_refused(stream_engine: Path, tmp_path: Path) -> None:
    model = onnx.load(stream_engine)
    kind = "conv_recurrent"
    write_model(model, replace(stream_card(kind), is_streaming=False), tmp_path / "still.onnx")
    with pytest.raises(EngineError, match="memory_"):
        onnxruntime.load(tmp_path / "still.onnx", provider="cpu")
    lost = model.graph.output.pop()
    assert lost.name.startswith("next_memory_")
    write_model(model, stream_card(kind), tmp_path / "lost.onnx")
    with pytest.raises(EngineError, match=f"takes .*{lost.name.removeprefix('next_')}"):
        onnxruntime.load(tmp_path / "lost.onnx", provider="cpu")


def test_torch_does_not_call_a_network_that_remembers_compiled(stream_engine: Path) -> None:
    engine = eager.load(stream_engine.with_suffix(".safetensors"), provider="torch-compiled")
    assert "compiled" not in engine.provider
    assert engine.notes[-1] == "stream remembers earlier windows: it is not compiled"
