from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main
from export.onnx_card import read_card
from export.trt.container import read_engine
from export.trt.device import find_gpu

REPOSITORY = Path(__file__).resolve().parents[3]


def arguments(tiny_engine: Path, out: Path, *more: str) -> list[str]:
    model = tiny_engine.with_suffix(".safetensors")
    return ["export", str(model), "-o", str(out), "--windows", "2", *more]


@pytest.fixture(autouse=True)
def _rtx() -> None:
    pytest.importorskip("tensorrt_rtx", reason="only TensorRT for RTX builds without a GPU")


def test_a_tensorrt_engine_holds_the_onnx_that_agreed(
    tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.trt"
    options = ("--fp16", "--compute-capability", "8.6", "8.9")
    assert main(arguments(tiny_engine, out, *options)) == 0
    said = capsys.readouterr().err
    assert "2 windows, max abs error" in said
    assert "building for compute capability 8.6, 8.9 with TensorRT-RTX" in said
    if find_gpu() is None:
        assert "the plan itself was not run: no GPU here" in said
    assert list(tmp_path.iterdir()) == [out]
    found = read_engine(out)
    assert (found.card.precision, found.key.compute_capabilities) == ("fp16", ("8.6", "8.9"))
    onnx = tmp_path / "inside.onnx"
    onnx.write_bytes(found.read_onnx())
    assert read_card(onnx) == found.card


def test_int8_is_built_for_turing_too(
    tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.trt"
    options = ("--int8", "--calibration", "synthetic:1", "--compute-capability", "7.5")
    assert main(arguments(tiny_engine, out, *options)) == 0, capsys.readouterr().err
    found = read_engine(out)
    assert (found.card.precision, found.key.compute_capabilities) == ("int8", ("7.5",))


def test_a_gpu_that_no_library_serves_is_refused_before_anything_slow(
    tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(tiny_engine, tmp_path / "x.trt", "--compute-capability", "3.5")) == 1
    said = capsys.readouterr().err
    assert "serves 7.5" in said
    assert "reading" not in said


def test_ctrl_c_in_a_build_leaves_nothing(tiny_engine: Path, tmp_path: Path) -> None:
    command = arguments(tiny_engine, tmp_path / "x.trt", "--compute-capability", "8.6")
    with subprocess.Popen(
        [sys.executable, "-m", "app.cli", *command],
        cwd=REPOSITORY, stderr=subprocess.PIPE, text=True, env=os.environ,
    ) as child:  # fmt: skip
        assert child.stderr
        for line in child.stderr:
            if "TensorRT-RTX: " in line:
                child.send_signal(signal.SIGINT)
                break
        _, errors = child.communicate()
    assert child.returncode == 130, errors
    assert errors.splitlines()[-1] == "saccade: interrupted"
    assert list(tmp_path.iterdir()) == []
