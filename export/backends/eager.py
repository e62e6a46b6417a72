"""Eager torch: runs a model file as it was trained; what other engines are compared with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from export.backends.backend import EngineError, Memory, Outputs
from export.input_size import resized
from models.card import CardError, ModelCard
from models.model_file import load_model

SUFFIX = ".safetensors"


class EagerEngine:
    """A module in eval mode on one device."""

    def __init__(
        self, module: nn.Module, card: ModelCard, device: str = "cpu", notes: tuple[str, ...] = ()
    ) -> None:
        self._module = module.eval().to(device)
        self._card = card
        self._device = torch.device(device)
        self._notes = notes

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def provider(self) -> str:
        return f"eager {'CPU' if self._device.type == 'cpu' else 'CUDA'}"

    @property
    def notes(self) -> tuple[str, ...]:
        return self._notes

    def new_memory(self) -> None:
        return None

    def run(
        self, grid: npt.NDArray[np.float32], memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        card = self._card
        expected = (card.spec.num_channels, card.input_height, card.input_width)
        if grid.shape != expected:
            raise ValueError(f"engine takes {expected}, got {grid.shape}")
        with torch.inference_mode():
            outputs = self._module(torch.from_numpy(grid)[None].to(self._device))
            return {name: outputs[name].float().cpu().numpy() for name in card.outputs}

    def on_cpu(self) -> EagerEngine:
        return EagerEngine(self._module, self._card)

    def close(self) -> None:
        """Drop nothing by hand: the module frees its memory with its last reference."""


def build(model_path: Path, engine_path: Path, *, progress: Callable[[str], None]) -> None:
    """Copy the model file: it is its own engine."""
    progress(f"copying {model_path} to {engine_path}")
    try:
        shutil.copyfile(model_path, engine_path)
    except OSError as error:
        raise EngineError(f"cannot write {engine_path}: {error.strerror}") from None


def load(
    engine_path: Path, *, provider: str = "auto", input_size: tuple[int, int] | None = None
) -> EagerEngine:
    """Load a model file; ``provider`` is "auto", "cpu" or "cuda".

    Raises:
        EngineError: the file cannot be honoured, or there is no such provider or size.
    """
    if provider not in ("auto", "cpu", "cuda"):
        raise EngineError(f"eager torch runs on auto, cpu or cuda, got {provider!r}")
    try:
        module, card = load_model(engine_path)
    except (CardError, OSError) as error:
        raise EngineError(str(error)) from None
    if input_size is not None:  # a module takes any
        open_card = replace(card, is_dynamic=True, size_multiple=module.encoder.strides[-1])
        card = replace(resized(open_card, *input_size), is_dynamic=False, size_multiple=1)
    has_cuda = torch.cuda.is_available()
    notes: tuple[str, ...] = ()
    if provider == "cuda" and not has_cuda:
        notes = ("CUDA cannot be used (torch finds no GPU): running on the CPU",)
    return EagerEngine(module, card, "cuda" if has_cuda and provider != "cpu" else "cpu", notes)
