"""TorchMemory: what one stream of a module remembers, in tensors that stay where they are.

A CUDA graph replays addresses: what a window leaves is copied to where the next one reads.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from export.replay import Program
from models.card import ModelCard
from models.perception import Perception


class TorchMemory:
    """The memory of a stream that has not begun.

    Args:
        module: A streaming one, on its device.
        card: Says the input's size.
    """

    def __init__(self, module: Perception, card: ModelCard) -> None:
        self.tensors = module.empty_memory(1, card.input_height, card.input_width)
        """By name, in the order of the graph's inputs."""
        device = next(iter(self.tensors.values())).device
        self.elapsed = torch.ones(1, device=device)
        self.owner: object = None
        """Made the program."""
        self.program: Program | None = None
        """What runs a window with this memory, and holds its addresses."""
        self._settle()

    def advance(self, after: Iterable[Tensor]) -> None:
        """Remember what a window left; in the order of the tensors."""
        for tensor, value in zip(self.tensors.values(), after, strict=True):
            tensor.copy_(value)

    def forget(self) -> None:
        for tensor in self.tensors.values():
            tensor.zero_()
        self._settle()

    def _settle(self) -> None:
        """Hold the calling thread until other streams of the device may read the tensors."""
        if self.elapsed.is_cuda:
            torch.cuda.current_stream(self.elapsed.device).synchronize()
