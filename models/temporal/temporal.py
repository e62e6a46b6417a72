"""The contract of what stands behind an encoder in time: a window alone, a stream, a sequence."""

# B batch, S windows of a sequence, D width of a token, H rows, W columns of a map

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

Memory = dict[str, Tensor]
"""What a stream remembers, by name: an engine's inputs ``memory_*`` and outputs ``next_memory_*``.

Shapes and dtypes stay, whatever was seen, and all zeros is the memory of nothing.
"""


class Temporal(nn.Module):
    """Maps an encoder's last map to one that knows of earlier windows."""

    def frame(self, map_BDHW: Tensor) -> Tensor:
        """Return the map of a window that stands alone; unless a part knows better, ``first``."""
        return self.first(map_BDHW)

    def first(self, map_BDHW: Tensor) -> Tensor:
        """Return what ``step`` makes of a stream's first window."""
        memory = self.empty_memory(len(map_BDHW), map_BDHW.shape[2], map_BDHW.shape[3])
        return self.step(map_BDHW, map_BDHW.new_ones(len(map_BDHW)), memory)[0]

    def empty_memory(self, batch_size: int, height: int, width: int) -> Memory:
        """Return the memory of streams that have not begun, of maps of ``height`` x ``width``.

        Raises:
            ValueError: maps of this size cannot be remembered.
        """
        raise NotImplementedError

    def step(self, map_BDHW: Tensor, elapsed_B: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Return the map of a stream's next window, and the memory with it.

        Args:
            map_BDHW: The encoder's last map.
            elapsed_B: Strides since the stream's window before, from 1; of no account for the
                first one.
            memory: Of the stream so far; left as it is.
        """
        raise NotImplementedError

    def sequence(self, maps_BSDHW: Tensor, elapsed_BS: Tensor) -> Tensor:
        """Return the maps of whole streams, (B, S, D, H, W): what ``step`` makes of each window.

        Computed from all windows at once as far as the part allows, and without a memory.
        """
        raise NotImplementedError

    def freeze_unread(self) -> None:
        """Freeze what only the part's own pretraining reads, not its maps: nothing by default."""


@dataclass(frozen=True, kw_only=True)
class TemporalConfig(ABC):
    """Sizes of a part; a choice is one file in this folder with a ``Config`` of this kind."""

    @abstractmethod
    def build(self, width: int) -> Temporal:
        """Return a randomly initialised part over maps of ``width`` channels.

        Raises:
            ValueError: it cannot take that width.
        """
