"""EngineGraph: what an engine computes, as a torch module with named inputs and outputs.

The module that was trained stays as it is; what only an engine needs is put around it here.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from export.any_size import any_size_axes, any_size_example, check_any_size
from export.onnx_shapes import GRID
from models.card import ModelCard
from models.encoders.encoder import Encoder

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "int8": torch.float32}
"""What a graph computes in, by the card's precision; int8 is made of a float32 graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineGraph:
    """A module to export; it takes and returns tensors in the order of the names."""

    module: nn.Module
    inputs: dict[str, Tensor]
    """An example of each input, by name."""
    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, Any]] | None = None
    """By input the axes of any length, as torch.export takes them; None where all are fixed."""


def engine_graph(module: nn.Module, card: ModelCard) -> EngineGraph:
    """Return the graph of the engine that ``card`` describes.

    Args:
        module: In eval mode; takes (B, C, H, W) float32, returns a dictionary of tensors with
            the card's outputs. It is copied.
        card: Says the input's size and the precision.

    Raises:
        ValueError: the module cannot take the card's input size, or not any size if it is to.
    """
    example = torch.zeros(1, card.spec.num_channels, card.input_height, card.input_width)
    module = copy.deepcopy(module).eval()
    encoders = [part for part in module.modules() if isinstance(part, Encoder)]
    dynamic = None
    if card.is_dynamic:
        check_any_size(card, encoders)
        example = any_size_example(card)
        dynamic = {GRID: any_size_axes(card)}
    else:
        for encoder in encoders:
            encoder.fix_input_size(card.input_height, card.input_width)
    with torch.no_grad():
        module(example)  # an input that it cannot take is told in its own words, not torch's
    dtype = DTYPES[card.precision]
    graph = OrderedOutputs(module.to(dtype), card.outputs, dtype).eval()
    return EngineGraph(module=graph, inputs={GRID: example}, outputs=card.outputs, dynamic=dynamic)


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
