"""The graph of a streaming engine: what is remembered goes in and comes out as tensors.

Inputs ``events``, ``elapsed`` and ``memory_*``; outputs the card's and ``next_memory_*``, in the
memory's order. Nothing is kept inside, so that whoever runs it may forget, keep two streams apart,
or leave the memory on the device.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.perception import Perception


class StreamGraph(nn.Module):
    """A streaming perception module computing in ``dtype``, memory and outputs in order.

    Memory stays in the types that the module computes it in; the card's outputs are float32.
    """

    def __init__(
        self,
        module: Perception,
        names: tuple[str, ...],
        memory_names: tuple[str, ...],
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.module = module
        self.names = names
        self.memory_names = memory_names
        self.dtype = dtype

    def forward(self, events: Tensor, elapsed: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs for one window, then the next memory; ``elapsed`` is (1,) float32."""
        before = dict(zip(self.memory_names, memory, strict=True))
        outputs, after = self.module.forward_stream(events.to(self.dtype), elapsed, before)
        said = (outputs[name].float() for name in self.names)
        return (*said, *(after[name] for name in self.memory_names))
