from __future__ import annotations

import sys
from pathlib import Path

import pytest
from stand_in_tensorrt import StandInTensorRt

from export.backends.backend import EngineError
from export.trt import library
from export.trt.library import CLASSIC, RTX, Edition, load_library, pick_library

UNKNOWN = Edition(name="TensorRT-X", module="tensorrt_of_no_machine", requirement="tensorrt-x")


def put_module(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Make ``code`` the module that UNKNOWN imports."""
    package = folder / UNKNOWN.module
    package.mkdir()
    (package / "__init__.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, UNKNOWN.module, raising=False)


def use(monkeypatch: pytest.MonkeyPatch, **modules: StandInTensorRt) -> None:
    """Let these modules be installed, and no other TensorRT."""
    for edition in (RTX, CLASSIC):
        monkeypatch.setitem(sys.modules, edition.module, modules.get(edition.module))


def test_a_library_that_is_not_installed_is_named_with_its_command() -> None:
    with pytest.raises(EngineError) as caught:
        load_library(UNKNOWN)
    assert str(caught.value) == "TensorRT-X is not installed: pip install tensorrt-x"


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        (
            "raise ImportError('libnvonnxparser.so.11: cannot open shared object file: No such')",
            "libnvonnxparser.so.11 is missing",
        ),
        ("raise OSError('libnvinfer.so.10: cannot open shared')", "libnvinfer.so.10 is missing"),
        (
            "raise FileNotFoundError('Could not find: tensorrt_rtx_1_7.dll. Is it on your PATH?')",
            "tensorrt_rtx_1_7.dll is missing",
        ),
        ("import tensorrt_of_no_machine_bindings", "module tensorrt_of_no_machine_bindings is"),
        ("", "tensorrt_of_no_machine is empty"),
    ],
)
def test_a_half_installed_library_says_what_is_missing_and_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, missing: str
) -> None:
    put_module(tmp_path, monkeypatch, code)
    with pytest.raises(EngineError) as caught:
        load_library(UNKNOWN)
    assert f"TensorRT-X is half installed, {missing}" in str(caught.value)
    assert str(caught.value).endswith(": pip install --force-reinstall tensorrt-x")


def test_a_gpu_gets_the_library_that_serves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rtx = StandInTensorRt("1.7.1", compute_capabilities=(120, 75, 89))
    use(monkeypatch, tensorrt_rtx=rtx, tensorrt=StandInTensorRt("10.15.1"))
    assert pick_library("8.9").api is rtx
    assert pick_library(None).api is rtx
    assert pick_library("9.0").name == "TensorRT"
    assert load_library(RTX).compute_capabilities == ("7.5", "8.9", "12.0")
    assert load_library(CLASSIC).compute_capabilities == ()


def test_a_gpu_that_no_library_here_serves_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(monkeypatch, tensorrt_rtx=StandInTensorRt("1.7.1", compute_capabilities=(86, 89)))
    monkeypatch.delitem(sys.modules, CLASSIC.module)
    monkeypatch.setattr(
        library, "EDITIONS", (RTX, Edition(name="TensorRT", module="gone", requirement="tensorrt"))
    )
    with pytest.raises(EngineError) as caught:
        pick_library("9.0")
    assert "of compute capability 9.0: TensorRT-RTX 1.7.1 serves 8.6, 8.9" in str(caught.value)
    assert str(caught.value).endswith("TensorRT is not installed: pip install tensorrt")


def test_the_real_one_offers_desktop_gpus() -> None:
    pytest.importorskip("tensorrt_rtx")
    assert {"7.5", "8.6", "8.9", "12.0"} <= set(load_library(RTX).compute_capabilities)
