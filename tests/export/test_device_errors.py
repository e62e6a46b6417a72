"""What torch raises of a device that fails means that its engine is lost, and nothing else does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_engine import tiny_card, tiny_module

from events.packet import SensorSize, empty_packet
from export.backends import eager
from export.backends.backend import DeviceLostError, EngineError
from export.backends.eager import EagerEngine
from export.device_errors import device_errors
from export.staging import Staged

SENSOR = SensorSize(120, 90)
FAULTS = {
    "out of memory": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    "an error of the device": lambda: torch.AcceleratorError("CUDA error: misaligned address", 716),
    "an error of cuDNN": lambda: RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
}
Fault = Callable[[], Exception]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_device_that_fails_is_lost(fault: Fault) -> None:
    said = r"^torch (ran out of|lost) the GPU.*on the CPU$"
    with pytest.raises(DeviceLostError, match=said), device_errors("torch"):
        raise fault()


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match=r"^a window was read twice$"), device_errors("torch"):
        raise RuntimeError("a window was read twice")


@pytest.mark.parametrize("step", ["made", "stage", "run"])
def test_raw_events_of_a_lost_gpu_say_so_at_every_step(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail_at(place: str) -> None:
        if place == step:
            raise FAULTS["out of memory"]()

    class FailingPath:
        sensor, is_compiled, notes = SENSOR, False, ()

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            fail_at("made")

        def stage(self, packet: object) -> Staged:
            fail_at("stage")
            return Staged(None, torch.empty(0))  # type: ignore[arg-type]

        def run(self, staged: Staged, memory: object, *, elapsed: float) -> None:
            fail_at("run")

    monkeypatch.setattr(eager, "on_device", lambda module, *how: module)
    monkeypatch.setattr(eager, "DevicePath", FailingPath)
    card = tiny_card()
    engine = EagerEngine(tiny_module(card), card, "meta", dtype=torch.float16)
    with pytest.raises(DeviceLostError, match="torch fp16 CUDA ran out of the GPU's memory"):
        engine.run_events(empty_packet(SENSOR, 0, card.window_us))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_grid_on_a_lost_gpu_says_so(monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    class Failing(torch.nn.Module):
        def forward(self, events: torch.Tensor) -> None:
            raise fault()

    monkeypatch.setattr(eager, "on_device", lambda module, *how: Failing())
    card = dataclasses.replace(tiny_card(), tasks=())
    engine = EagerEngine(tiny_module(tiny_card()), card, dtype=torch.float16)
    with pytest.raises(DeviceLostError):
        engine.run(np.zeros((5, 64, 96), np.float32))


def test_a_model_that_the_gpu_has_no_memory_for_is_one_line(
    tiny_engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*how: object) -> None:
        raise FAULTS["out of memory"]()

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(eager, "on_device", fail)
    with pytest.raises(EngineError, match=r"^torch ran out of the GPU's memory: close what else"):
        eager.load(tiny_engine.with_suffix(".safetensors"), provider="torch")
