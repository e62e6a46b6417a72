"""The graph of a streaming engine: what is remembered goes in and comes out as tensors.

Inputs ``events``, ``elapsed`` and ``memory_*``; outputs the card's and ``next_memory_*``, in the
memory's order. Nothing is kept inside, so that whoever runs it may forget, keep two streams apart,
or leave the memory on the device.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.onnx_shapes import ELAPSED, GRID, MEMORY, NEXT_MEMORY
from models.card import ModelCard
from models.perception import Perception


def stream_graph(
    module: Perception,
    card: ModelCard,
    example: Tensor,
    dtype: torch.dtype,
) -> tuple[nn.Module, dict[str, Tensor], tuple[str, ...]]:
    """Return the graph of a streaming engine, its inputs by name, and its outputs' names.

    Args:
        module: In ``dtype``.
        card: Of the module.
        example: (1, C, H, W) float32.
        dtype: What the module computes in.
    """
    memory = module.empty_memory(1, card.input_height, card.input_width)
    inputs = {
        GRID: example,
        ELAPSED: torch.ones(1),
        **{MEMORY + name: value for name, value in memory.items()},
    }
    graph = StreamGraph(module, card.outputs, tuple(memory), dtype)
    return graph, inputs, (*card.outputs, *(NEXT_MEMORY + name for name in memory))


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
