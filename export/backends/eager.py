"""Eager torch: runs a model file as it was trained; what other engines are compared with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from export.backends.backend import EngineError, Memory, Outputs
from models.card import CardError, ModelCard
from models.model_file import load_model
from models.perception import Perception

SUFFIX = ".safetensors"


class EagerMemory:
    """The tensors that one stream of a module remembers."""

    def __init__(self, module: Perception, card: ModelCard) -> None:
        self._empty = module.empty_memory(1, card.input_height, card.input_width)
        self.tensors = self._empty

    def forget(self) -> None:
        self.tensors = self._empty  # a step leaves what it was given as it is


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

    def new_memory(self) -> EagerMemory | None:
        if not self._card.is_streaming:
            return None
        assert isinstance(self._module, Perception)
        return EagerMemory(self._module, self._card)

    def run(
        self, grid: npt.NDArray[np.float32], memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        card = self._card
        expected = (card.spec.num_channels, card.input_height, card.input_width)
        if grid.shape != expected:
            raise ValueError(f"engine takes {expected}, got {grid.shape}")
        with torch.inference_mode():
            events = torch.from_numpy(grid)[None].to(self._device)
            outputs = self._outputs(events, memory or self.new_memory(), elapsed)
            return {name: outputs[name].float().cpu().numpy() for name in card.outputs}

    def _outputs(self, events: Tensor, memory: Memory | None, elapsed: float) -> dict[str, Tensor]:
        if not self._card.is_streaming:
            outputs: dict[str, Tensor] = self._module(events)
            return outputs
        assert isinstance(self._module, Perception)
        assert isinstance(memory, EagerMemory), f"a memory of another backend: {memory}"
        since = torch.tensor([elapsed], device=self._device)
        outputs, memory.tensors = self._module.forward_stream(events, since, memory.tensors)
        return outputs

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


def load(engine_path: Path, *, provider: str = "auto") -> EagerEngine:
    """Load a model file; ``provider`` is "auto", "cpu" or "cuda".

    Raises:
        EngineError: the file cannot be honoured, or there is no such provider.
    """
    if provider not in ("auto", "cpu", "cuda"):
        raise EngineError(f"eager torch runs on auto, cpu or cuda, got {provider!r}")
    try:
        module, card = load_model(engine_path)
    except (CardError, OSError) as error:
        raise EngineError(str(error)) from None
    has_cuda = torch.cuda.is_available()
    notes: tuple[str, ...] = ()
    if provider == "cuda" and not has_cuda:
        notes = ("CUDA cannot be used (torch finds no GPU): running on the CPU",)
    return EagerEngine(module, card, "cuda" if has_cuda and provider != "cpu" else "cpu", notes)
