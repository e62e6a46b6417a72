from __future__ import annotations

import dataclasses
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_engine import tiny_card

from export.backends import onnxruntime, openvino
from export.backends.backend import EngineError
from export.libraries import is_installed
from export.onnx_graph import write_model

pytestmark = pytest.mark.skipif(not is_installed("openvino"), reason="pip install openvino")
REPOSITORY = Path(__file__).resolve().parents[3]


def grids(num: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.normal(size=(5, 64, 96)).astype(np.float32) for _ in range(num)]


def test_it_says_what_onnx_runtime_says(tiny_engine: Path) -> None:
    engine = openvino.load(tiny_engine)
    reference = onnxruntime.load(tiny_engine, provider="cpu")
    for grid in grids():
        found, expected = engine.run(grid), reference.run(grid)
        assert set(found) == set(expected)
        for task, output in expected.items():  # 2 %: it may compute in bf16
            spread = float(np.abs(output).max())
            np.testing.assert_allclose(found[task], output, atol=0.02 * spread)


def test_a_grid_of_another_shape_is_refused(tiny_engine: Path) -> None:
    with pytest.raises(ValueError, match=r"takes \(5, 64, 96\), got \(5, 64, 64\)"):
        openvino.load(tiny_engine).run(np.zeros((5, 64, 64), np.float32))


def test_what_it_cannot_run_is_refused_with_the_cure(tiny_engine: Path, tmp_path: Path) -> None:
    card = dataclasses.replace(tiny_card(), input="events", sensor=(40, 30))
    path = tmp_path / "events.onnx"
    write_model(onnx.load(tiny_engine), card, path)
    with pytest.raises(EngineError, match=r"no raw events.*use --provider cpu"):
        openvino.load(path)


def test_a_card_that_disagrees_with_its_graph_is_refused(tiny_engine: Path, tmp_path: Path) -> None:
    path = tmp_path / "changed.onnx"
    write_model(onnx.load(tiny_engine), dataclasses.replace(tiny_card(), input_height=32), path)
    with pytest.raises(EngineError, match=r"its card says .*32.*export it again"):
        openvino.load(path)


def test_it_tells_nobody_and_leaves_no_thread_behind(tiny_engine: Path, tmp_path: Path) -> None:
    script = f"""
        import sys, threading
        from pathlib import Path
        from export.backends import openvino
        openvino.load(Path({str(tiny_engine)!r}))
        assert not sys.modules["openvino_telemetry"], "telemetry was loaded"
        assert threading.active_count() == 1, threading.enumerate()
        assert "torch" not in sys.modules
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, env={"HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "intel").exists()
