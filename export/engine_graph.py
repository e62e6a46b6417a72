"""EngineGraph: what an engine computes, as a torch module with named inputs and outputs.

The module that was trained stays as it is; what only an engine needs is put around it here.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from export.onnx_shapes import ELAPSED, GRID, MEMORY, NEXT_MEMORY
from export.stream_graph import StreamGraph
from models.card import ModelCard
from models.encoders.encoder import Encoder
from models.perception import Perception

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "int8": torch.float32}
"""What a graph computes in, by the card's precision; int8 is made of a float32 graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineGraph:
    """A module to export; it takes and returns tensors in the order of the names."""

    module: nn.Module
    inputs: dict[str, Tensor]
    """An example of each input, by name."""
    outputs: tuple[str, ...]


def engine_graph(module: nn.Module, card: ModelCard) -> EngineGraph:
    """Return the graph of the engine that ``card`` describes.

    Args:
        module: In eval mode; takes (B, C, H, W) float32, returns a dictionary of tensors with
            the card's outputs. It is copied.
        card: Says the input's size and the precision.

    Raises:
        ValueError: the module cannot take the card's input size.
    """
    example = torch.zeros(1, card.spec.num_channels, card.input_height, card.input_width)
    module = copy.deepcopy(module).eval()
    for part in module.modules():
        if isinstance(part, Encoder):
            part.fix_input_size(card.input_height, card.input_width)
    with torch.no_grad():
        module(example)  # an input that it cannot take is told in its own words, not torch's
    dtype = DTYPES[card.precision]
    if card.is_streaming:
        return _streaming(module.to(dtype), card, example)
    graph = OrderedOutputs(module.to(dtype), card.outputs, dtype).eval()
    return EngineGraph(module=graph, inputs={GRID: example}, outputs=card.outputs)


def _streaming(module: nn.Module, card: ModelCard, example: Tensor) -> EngineGraph:
    assert isinstance(module, Perception)
    memory = module.empty_memory(1, card.input_height, card.input_width)
    graph = StreamGraph(module, card.outputs, tuple(memory), DTYPES[card.precision])
    return EngineGraph(
        module=graph.eval(),
        inputs={
            GRID: example,
            ELAPSED: torch.ones(1),
            **{MEMORY + name: value for name, value in memory.items()},
        },
        outputs=(*card.outputs, *(NEXT_MEMORY + name for name in memory)),
    )


class OrderedOutputs(nn.Module):
    """A perception module computing in ``dtype``; float32 outputs in the order of ``names``."""

    def __init__(self, module: nn.Module, names: tuple[str, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.module = module
        self.names = names
        self.dtype = dtype

    def forward(self, events: Tensor) -> tuple[Tensor, ...]:
        outputs = self.module(events.to(self.dtype))
        return tuple(outputs[name].float() for name in self.names)
