"""EngineGraph: what an engine computes, as a torch module with named inputs and outputs.

The module that was trained stays as it is; what only an engine needs is put around it here.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from export.event_input import COLUMNS, NUM_EVENTS, PADDING, SMALLEST_BUCKET
from export.onnx_shapes import GRID
from models.card import ModelCard
from models.device_decode import DeviceDecode, map_sizes
from models.encoders.encoder import Encoder
from models.representations.gridder import Gridder, make_gridder

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "int8": torch.float32}
"""What a graph computes in, by the card's precision; int8 is made of a float32 graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineGraph:
    """A module to export; it takes and returns tensors in the order of the names."""

    module: nn.Module
    inputs: dict[str, Tensor]
    """An example of each input, by name."""
    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, str]] | None = None
    """By input the names of axes of any length; None where all shapes are fixed."""


def engine_graph(module: nn.Module, card: ModelCard) -> EngineGraph:
    """Return the graph of the engine that ``card`` describes.

    Args:
        module: In eval mode; takes (B, C, H, W) float32, returns a dictionary of tensors with
            the card's tasks, or tokens. It is copied.
        card: Says the input, its size, the outputs and the precision.

    Raises:
        ValueError: the module cannot take the card's input size, or raw events cannot be taken
            over a window as long as the card's.
    """
    example = torch.zeros(1, card.spec.num_channels, card.input_height, card.input_width)
    module = copy.deepcopy(module).eval()
    for part in module.modules():
        if isinstance(part, Encoder):
            part.fix_input_size(card.input_height, card.input_width)
    with torch.no_grad():
        said = module(example)  # an input that it cannot take is told in its own words, not torch's
    dtype = DTYPES[card.precision]
    module = module.to(dtype)
    if card.sensor is None:
        graph: nn.Module = OrderedOutputs(module, card.outputs, dtype)
        return EngineGraph(module=graph.eval(), inputs={GRID: example}, outputs=card.outputs)
    letterbox = Letterbox(SensorSize(*card.sensor), card.input_height, card.input_width)
    decode = DeviceDecode(card, letterbox, map_sizes(said)) if card.is_decoded else None
    gridder = make_gridder(card.spec, letterbox, example.device)
    gridder.check_duration(card.window_us)
    graph = FromEvents(gridder, card.window_us, OrderedOutputs(module, card.outputs, dtype, decode))
    padding = torch.full((SMALLEST_BUCKET,), PADDING, dtype=torch.int32)
    return EngineGraph(
        module=graph.eval(),
        inputs={name: padding.clone() for name in COLUMNS},
        outputs=card.outputs,
        dynamic={name: {0: NUM_EVENTS} for name in COLUMNS},
    )


class OrderedOutputs(nn.Module):
    """A perception module computing in ``dtype``; outputs in the order of ``names``.

    Raw outputs are float32; ``decode``, if any, comes behind them.
    """

    def __init__(
        self,
        module: nn.Module,
        names: tuple[str, ...],
        dtype: torch.dtype,
        decode: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.module = module
        self.names = names
        self.dtype = dtype
        self.decode = decode

    def forward(self, events: Tensor) -> tuple[Tensor, ...]:
        outputs = {k: v.float() for k, v in self.module(events.to(self.dtype)).items()}
        if self.decode is not None:
            outputs = self.decode(outputs)
        return tuple(outputs[name] for name in self.names)


class FromEvents(nn.Module):
    """The representation of raw events in front of a graph that takes it."""

    def __init__(self, gridder: Gridder, window_us: int, graph: nn.Module) -> None:
        super().__init__()
        self.gridder = gridder
        self.window_us = window_us
        self.inner = graph

    def forward(
        self, t: Tensor, x: Tensor, y: Tensor, p: Tensor, *others: Tensor
    ) -> tuple[Tensor, ...]:
        outputs: tuple[Tensor, ...] = self.inner(self.gridder(t, x, y, p, self.window_us), *others)
        return outputs
