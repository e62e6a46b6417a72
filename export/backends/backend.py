"""The contract of every inference backend: build an engine from a model file, load it, run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket
from models.card import ModelCard

Outputs = Mapping[str, npt.NDArray[Any]]
"""Outputs by name, shaped as ModelCard says."""


class EngineError(Exception):
    """An engine cannot be built, loaded or run; the message says which file, why, and the cure."""


class DeviceLostError(EngineError):
    """The device failed or ran out of memory in mid-stream: this engine will not run again."""


class Memory(Protocol):
    """What one stream remembers, on the engine's device; each ``run`` takes it a window further."""

    def forget(self) -> None:
        """Begin anew: the stream jumped, or another one follows."""
        ...


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

    def new_memory(self) -> Memory | None:
        """Return the memory of a stream that has not begun; None unless the card is_streaming."""
        ...

    def run(
        self, grid: npt.NDArray[np.float32], memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        """Return the raw outputs for one (C, input_height, input_width) float32 grid.

        Outputs may be overwritten by the next call.

        Args:
            grid: What ``card.spec`` makes of the window.
            memory: Of the window's stream, from ``new_memory``; None forgets at once.
            elapsed: Strides since the stream's window before: more than 1 after dropped windows.

        Raises:
            DeviceLostError: the device will not run this engine again.
            EngineError: this one run failed.
        """
        ...

    def on_cpu(self) -> Engine:
        """Return the same network on the CPU, for when the device is lost.

        Raises:
            EngineError: it cannot run there; the message says why.
        """
        ...

    def close(self) -> None: ...


@runtime_checkable
class EventEngine(Engine, Protocol):
    """An engine that can take raw events: it makes the representation on its device."""

    @property
    def is_fed_events(self) -> bool:
        """Whether windows should come as raw events: the card says so, or it is faster here."""
        ...

    def stage(self, packet: EventPacket) -> object:
        """Begin to bring one window's events to the device: what ``run_staged`` takes, once.

        One may run and another wait while the next is staged; one that waits may be dropped.

        Raises:
            EngineError: the engine takes events of another sensor.
        """
        ...

    def run_staged(
        self, staged: object, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        """Return the outputs for a window that was staged; see ``run``."""
        ...

    def run_events(
        self, packet: EventPacket, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        """Return the outputs for the events of one window, ``packet``'s span; see ``run``."""
        ...


class Backend(Protocol):
    """One file per runtime; the module itself is the backend."""

    SUFFIX: str
    """File name suffix of its engines, such as ".onnx"."""

    def build(
        self, model_path: Path, engine_path: Path, *, progress: Callable[[str], None]
    ) -> None:
        """Write an engine made from a model file; EngineError if it cannot be."""
        ...

    def load(
        self,
        engine_path: Path,
        *,
        provider: str = "auto",
        input_size: tuple[int, int] | None = None,
    ) -> Engine:
        """Load an engine; EngineError for a bad file or a provider that is not of this backend.

        ``input_size``, width and height, is for engines that take any; None is the card's.
        """
        ...
