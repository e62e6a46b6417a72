"""What every backend promises; a new file in export/backends is tested because it is there."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from tiny_engine import TASKS, tiny_card

from app.engines import BACKENDS, OPENVINO
from export import backends
from export.backends.backend import EngineError
from export.libraries import is_installed

NAMES = sorted(
    found.name for found in pkgutil.iter_modules(backends.__path__) if found.name != "backend"
)


@pytest.fixture(params=NAMES)
def backend(request: pytest.FixtureRequest) -> ModuleType:
    if request.param == "openvino" and not is_installed("openvino"):
        pytest.skip("pip install openvino")
    return importlib.import_module(f"export.backends.{request.param}")


@pytest.fixture
def grid() -> np.ndarray:
    card = tiny_card()
    shape = (card.spec.num_channels, card.input_height, card.input_width)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_every_backend_is_reached_by_its_suffix_or_its_provider() -> None:
    modules = {f"export.backends.{name}" for name in NAMES}
    assert {*BACKENDS.values(), OPENVINO} == modules
    for suffix, module in BACKENDS.items():
        assert suffix == importlib.import_module(module).SUFFIX


def test_a_backend_builds_what_it_loads_and_runs(
    backend: ModuleType, tiny_engine: Path, tmp_path: Path, grid: np.ndarray
) -> None:
    assert next(iter(inspect.signature(backend.load).parameters)) == "engine_path"
    if backend.SUFFIX == ".trt":
        pytest.importorskip("tensorrt_rtx", reason="only TensorRT for RTX builds without a GPU")
    lines: list[str] = []
    path = tmp_path / f"built{backend.SUFFIX}"
    backend.build(tiny_engine.with_suffix(".safetensors"), path, progress=lines.append)
    assert lines
    engine = backend.load(path, provider="cpu")
    assert engine.card == tiny_card()
    before = grid.copy()
    outputs = engine.run(grid)
    assert set(outputs) == set(TASKS)
    assert all(output.dtype == np.float32 for output in outputs.values())
    assert np.array_equal(grid, before)
    assert "CPU" in engine.provider or engine.provider == "OpenVINO"
    engine.close()


def test_a_backend_says_when_a_provider_is_not_its_own(
    backend: ModuleType, tiny_engine: Path
) -> None:
    with pytest.raises(EngineError, match="got 'abacus'"):
        backend.load(tiny_engine.with_suffix(backend.SUFFIX), provider="abacus")


@pytest.mark.parametrize("content", [b"", b"garbage" * 100])
def test_a_backend_refuses_a_bad_file_in_one_line(
    backend: ModuleType, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / f"bad{backend.SUFFIX}"
    path.write_bytes(content)
    with pytest.raises(EngineError) as caught:
        backend.load(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(EngineError):
        backend.load(tmp_path / f"missing{backend.SUFFIX}")
