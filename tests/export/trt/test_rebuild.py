from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from stand_in_tensorrt import StandInTensorRt
from trt_files import key_of, write_file

from export.backends.backend import EngineError
from export.trt import rebuild
from export.trt.cache import EngineCache
from export.trt.device import Gpu
from export.trt.library import CLASSIC, RTX, Library, load_library
from export.trt.rebuild import fitting, misfit

ADA = Gpu(name="RTX 4090", compute_capability="8.9")
HOPPER = Gpu(name="H100", compute_capability="9.0")


def library(edition: object = RTX, version: str = "1.7.1") -> Library:
    return Library(edition=edition, api=StandInTensorRt(version))


@pytest.mark.parametrize(
    ("changes", "gpu", "reason"),
    [
        ({}, ADA, None),
        ({"version": "1.6.0"}, ADA, "it was built by TensorRT-RTX 1.6.0, here is 1.7.1"),
        ({"library": "TensorRT"}, ADA, "it was built by TensorRT, here is TensorRT-RTX 1.7.1"),
        ({}, HOPPER, "it was built for compute capability 8.6, 8.9"),
        ({"compute_capabilities": ("12.0",)}, ADA, "it was built for compute capability 12.0"),
    ],
)
def test_a_plan_fits_its_own_library_and_gpus_only(
    changes: dict[str, object], gpu: Gpu, reason: str | None
) -> None:
    assert misfit(key_of(b"graph", **changes), library(), gpu) == reason


def test_a_plan_that_fits_is_left_alone(tmp_path: Path) -> None:
    file = write_file(tmp_path / "x.trt")
    cache = EngineCache(tmp_path / "cache")
    assert fitting(file, library(), ADA, cache) == (file, ())
    assert not (tmp_path / "cache").exists()


def test_a_plan_of_another_gpu_is_built_again_once(
    tiny_engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorrt_rtx", reason="only TensorRT for RTX builds without a GPU")
    rtx, cache = load_library(RTX), EngineCache(tmp_path / "cache")
    onnx = tiny_engine.read_bytes()
    file = write_file(
        tmp_path / "x.trt", onnx=onnx, version=rtx.version, compute_capabilities=("8.6",)
    )
    built, notes = fitting(file, rtx, ADA, cache)
    assert built.key == replace(file.key, compute_capabilities=("8.9",))
    assert built.card == file.card
    assert built.read_onnx() == onnx
    assert len(built.read_plan()) > 100_000
    assert "x.trt is not for RTX 4090 (compute capability 8.9), it was built for" in notes[0]

    def never(*args: object, **options: object) -> bytes:
        raise AssertionError("it is in the cache")

    monkeypatch.setattr(rebuild, "build_plan", never)
    again, _ = fitting(file, rtx, ADA, cache)
    assert again == built


def test_a_plan_that_cannot_be_built_again_is_refused_with_both_reasons(tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="only TensorRT for RTX builds without a GPU")
    file = write_file(tmp_path / "x.trt", version="1.0")
    with pytest.raises(EngineError) as caught:
        fitting(file, load_library(RTX), ADA, EngineCache(tmp_path / "cache"))
    text = str(caught.value)
    assert "x.trt is not for RTX 4090" in text
    assert "it was built by TensorRT-RTX 1.0" in text
    assert "cannot be built again: TensorRT-RTX" in text
    assert "\n" not in text
    assert list(tmp_path.iterdir()) == [file.path]


def test_a_damaged_onnx_is_not_built(tmp_path: Path) -> None:
    file = write_file(tmp_path / "x.trt", library="TensorRT")
    content = file.path.read_bytes()
    file.path.write_bytes(content[:-4] + b"!!!!")
    with pytest.raises(EngineError, match="damaged in its ONNX: export the engine again"):
        fitting(file, library(CLASSIC, "10.15"), HOPPER, EngineCache(tmp_path / "cache"))
