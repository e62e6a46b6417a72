"""Execution on a real GPU; where there is none, or no TensorRT for it, these say so by a skip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_engine import tiny_card

from export.backends import eager, tensorrt
from export.backends.backend import EngineError
from export.parity import Tolerance, compare_engines
from export.trt.device import find_gpu, gpu_problem
from export.trt.library import pick_library


@pytest.fixture
def engine_path(tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    gpu = find_gpu()
    if gpu is None:
        pytest.skip(f"execution is not tested: {gpu_problem()}")
    try:
        pick_library(gpu.compute_capability)
    except EngineError as error:
        pytest.skip(f"execution is not tested: {error}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "x.trt"
    tensorrt.build_from_onnx(tiny_engine, path, progress=lambda line: None)
    return path


def grids(number: int) -> list[np.ndarray]:
    card = tiny_card()
    shape = (card.spec.num_channels, card.input_height, card.input_width)
    random = np.random.default_rng(0)
    return [random.normal(size=shape).astype(np.float32) for _ in range(number)]


def test_an_engine_on_the_gpu_agrees_with_its_model(engine_path: Path, tiny_engine: Path) -> None:
    engine = tensorrt.load(engine_path, provider="tensorrt")
    assert engine.notes == ()
    model = eager.load(tiny_engine.with_suffix(".safetensors"), provider="cpu")
    assert compare_engines(model, engine, grids(8)).failures(Tolerance.half()) == []  # TF32
    engine.close()


def test_equal_grids_give_equal_outputs_however_often(engine_path: Path) -> None:
    engine = tensorrt.load(engine_path, provider="tensorrt")
    first, second = grids(2)
    expected = {name: output.copy() for name, output in engine.run(first).items()}
    for _ in range(3):
        engine.run(second)
        found = engine.run(first)
        assert all(np.array_equal(found[name], expected[name]) for name in expected)
    engine.close()
