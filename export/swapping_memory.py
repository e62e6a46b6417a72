"""SwappingMemory: what one stream of an ONNX engine remembers, in two sets of buffers that swap."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from export.onnx_shapes import MEMORY, NEXT_MEMORY

Buffer = TypeVar("Buffer")
Bind = Callable[[str, Buffer], object]


class SwappingMemory(ABC, Generic[Buffer]):
    """Two sets of a runtime's buffers: a run reads one and writes the other.

    They are made once; between windows only their roles change, so that nothing is copied.

    Args:
        one: Buffers by name.
        other: Equal ones.
    """

    def __init__(self, one: dict[str, Buffer], other: dict[str, Buffer]) -> None:
        self._current, self._next = one, other
        self.forget()

    def bind(self, read: Bind[Buffer], write: Bind[Buffer]) -> None:
        """Let the next run read what is remembered, and write what will be.

        Args:
            read: Binds a buffer to an input's name.
            write: Binds one to an output's.
        """
        for name, buffer in self._current.items():
            read(MEMORY + name, buffer)
        for name, buffer in self._next.items():
            write(NEXT_MEMORY + name, buffer)

    def advance(self) -> None:
        """Remember what the last run wrote."""
        self._current, self._next = self._next, self._current

    def forget(self) -> None:
        for name, buffer in self._current.items():
            self._clear(name, buffer)

    @abstractmethod
    def _clear(self, name: str, buffer: Buffer) -> None:
        """Fill a buffer with zeros."""
