from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from export import fingerprint
from export.fingerprint import file_digest, gpu, machine, machine_digest


class Nvml:
    """NVIDIA's management library as its reference describes it; each call returns 0 or a code."""

    def __init__(self, failing: str = "") -> None:
        self._failing = failing

    def __getattr__(self, name: str):
        def call(*arguments: object) -> int:
            if name == self._failing:
                return 9  # driver not loaded
            texts = {
                "nvmlDeviceGetName": b"NVIDIA RTX 5090",
                "nvmlSystemGetDriverVersion": b"590.1",
            }
            if name in texts:
                buffer = next(a for a in arguments if isinstance(a, ctypes.Array))
                buffer.value = texts[name]
            return 0

        return call


def test_the_gpu_and_its_driver_are_part_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint.ctypes, "CDLL", lambda name: Nvml())
    assert gpu() == {"gpu": "NVIDIA RTX 5090", "driver": "590.1"}


@pytest.mark.parametrize("failing", ["nvmlInit_v2", "nvmlDeviceGetHandleByIndex_v2"])
def test_a_driver_that_does_not_answer_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    monkeypatch.setattr(fingerprint.ctypes, "CDLL", lambda name: Nvml(failing))
    assert gpu() == {}


def test_a_machine_is_its_processor_cores_and_libraries() -> None:
    found = machine()
    assert found["cpu"]
    assert int(found["cores"]) > 0
    assert "onnxruntime" in found or "onnxruntime-gpu" in found
    assert len(machine_digest()) == fingerprint.NUM_DIGITS


def test_files_are_told_apart_by_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    first = file_digest(path)
    path.write_bytes(b"two")
    assert file_digest(path) != first
