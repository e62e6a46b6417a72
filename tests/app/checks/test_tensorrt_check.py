from __future__ import annotations

import pytest

from app.checks import tensorrt
from app.checks.check import Outcome, Verdict
from export.trt.library import CLASSIC, RTX


def outcome(output: str = "", errors: str = "", code: int = 0) -> Outcome:
    return Outcome(code=code, output=output, errors=errors)


def test_a_half_installed_library_warns_with_its_cure() -> None:
    line = "failed: TensorRT is half installed, libnvinfer.so.10 is missing: pip install --x y\n"
    found = tensorrt.judge(CLASSIC, outcome(line), has_gpu=True)
    assert found.verdict is Verdict.WARN
    assert found.message == "TensorRT is half installed, libnvinfer.so.10 is missing"
    assert found.cure == "pip install --x y"


def test_a_library_that_aborts_warns() -> None:
    found = tensorrt.judge(RTX, outcome(errors="bad\nSegmentation fault", code=-11), has_gpu=True)
    assert (found.verdict, found.message) == (Verdict.WARN, "Segmentation fault")
    assert found.cure == "pip install --force-reinstall tensorrt-rtx"


def test_the_classic_library_is_not_blamed_for_a_missing_gpu() -> None:
    failed = outcome(errors="TypeError: factory function returned nullptr", code=1)
    assert tensorrt.judge(CLASSIC, failed, has_gpu=False).verdict is Verdict.OK
    assert tensorrt.judge(CLASSIC, failed, has_gpu=True).verdict is Verdict.WARN


def test_nothing_installed_is_no_fault_and_says_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tensorrt, "version_of", lambda name: None)
    (found,) = tensorrt.check_tensorrt()
    assert found.verdict is Verdict.OK
    assert "pip install tensorrt-rtx" in found.message


def test_a_torch_without_cuda_beside_a_gpu_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"tensorrt-rtx": "1.7.1", "torch": "2.13.0+cpu"}
    monkeypatch.setattr(tensorrt, "version_of", versions.get)
    monkeypatch.setattr(tensorrt, "has_nvidia_gpu", lambda: True)
    monkeypatch.setattr(tensorrt, "run_child", lambda *_: outcome("loaded: 1.7.1, builds for 8.6"))
    library, torch = tensorrt.check_tensorrt()
    assert (library.verdict, library.message) == (Verdict.OK, "1.7.1, builds for 8.6")
    assert torch.verdict is Verdict.WARN


def test_the_library_here_says_what_it_builds_for() -> None:
    pytest.importorskip("tensorrt_rtx")
    found = {check.subject: check for check in tensorrt.check_tensorrt()}["TensorRT-RTX"]
    assert found.verdict is Verdict.OK
    assert "builds for 7.5, 8.0, 8.6" in found.message
