"""The graph of a streaming engine: what is remembered goes in and comes out as tensors.

Inputs ``events``, ``elapsed`` and ``memory_*``; outputs the card's and ``next_memory_*``, in the
memory's order. Nothing is kept inside, so that whoever runs it may forget, keep two streams apart,
or leave the memory on the device.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from export.answer import Answer
from export.onnx_shapes import ELAPSED, GRID, MEMORY, NEXT_MEMORY
from models.perception import Perception


def stream_graph(
    module: Perception, answer: Answer, example: Tensor, dtype: torch.dtype
) -> tuple[nn.Module, dict[str, Tensor], tuple[str, ...]]:
    """Return the graph of a streaming engine, its inputs by name, and its outputs' names.

    Args:
        module: In ``dtype``.
        answer: Of the module.
        example: (1, C, H, W) float32.
        dtype: What the module computes in.
    """
    memory = module.empty_memory(1, example.shape[2], example.shape[3])
    inputs = {
        GRID: example,
        ELAPSED: torch.ones(1),
        **{MEMORY + name: value for name, value in memory.items()},
    }
    graph = StreamGraph(module, answer, tuple(memory), dtype)
    return graph, inputs, (*answer.names, *(NEXT_MEMORY + name for name in memory))


class StreamGraph(nn.Module):
    """A streaming perception module computing in ``dtype``, memory and outputs in order.

    Memory stays in the types that the module computes it in.
    """

    def __init__(
        self,
        module: Perception,
        answer: Answer,
        memory_names: tuple[str, ...],
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.module = module
        self.answer = answer
        self.memory_names = memory_names
        self.dtype = dtype

    def forward(self, events: Tensor, elapsed: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs for one window, then the next memory; ``elapsed`` is (1,) float32."""
        before = dict(zip(self.memory_names, memory, strict=True))
        said, after = self.module.forward_stream(events.to(self.dtype), elapsed, before)
        return (*self.answer(said), *(after[name] for name in self.memory_names))
