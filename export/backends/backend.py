"""The contract of every inference backend: build an engine from a model file, load it, run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.card import ModelCard

Outputs = Mapping[str, npt.NDArray[np.float32]]
"""Raw outputs by task name, shaped as ModelCard says."""


class EngineError(Exception):
    """An engine cannot be built, loaded or run; the message says which file, why, and the cure."""


class Engine(Protocol):
    """A loaded network. Calls come from one thread at a time."""

    @property
    def card(self) -> ModelCard: ...

    @property
    def provider(self) -> str:
        """What really runs it, read back after loading: "CPU", "CUDA", "TensorRT", "eager CPU"."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user must know, such as a fall-back to the CPU; one line each."""
        ...

    def run(self, grid: npt.NDArray[np.float32]) -> Outputs:
        """Return the raw outputs for one (C, input_height, input_width) float32 grid.

        Outputs may be overwritten by the next call.
        """
        ...

    def close(self) -> None: ...


class Backend(Protocol):
    """One file per runtime; the module itself is the backend."""

    SUFFIX: str
    """File name suffix of its engines, such as ".onnx"."""

    def build(
        self, model_path: Path, engine_path: Path, *, progress: Callable[[str], None]
    ) -> None:
        """Write an engine made from a model file; EngineError if it cannot be."""
        ...

    def load(self, engine_path: Path, *, provider: str = "auto") -> Engine:
        """Load an engine; EngineError for a bad file or a provider that is not of this backend."""
        ...
