"""EngineGraph: what an engine computes, as a torch module with named inputs and outputs.

The module that was trained stays as it is; what only an engine needs is put around it here, from
the inside out: outputs in order (a stream's memory among them), decoding, raw events in front.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from export.any_size import any_size_axes, any_size_example, check_any_size
from export.event_input import COLUMNS, NUM_EVENTS, PADDING, SMALLEST_BUCKET
from export.onnx_shapes import GRID
from export.stream_graph import stream_graph
from models.card import ModelCard
from models.device_decode import DeviceDecode, map_sizes
from models.encoders.encoder import Encoder
from models.perception import Perception
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
    dynamic: tuple[Any, ...] | None = None
    """Axes of any length, as torch.export takes them; None where all shapes are fixed."""


def engine_graph(module: nn.Module, card: ModelCard) -> EngineGraph:
    """Return the graph of the engine that ``card`` describes.

    Args:
        module: In eval mode; takes (B, C, H, W) float32, returns a dictionary of tensors with
            the card's tasks, or tokens. It is copied.
        card: Says the input, its size, the outputs and the precision.

    Raises:
        ValueError: the module cannot take the card's input size, or not any size if it is to, or
            raw events cannot be taken: over a window as long as the card's, or with a memory.
    """
    example = torch.zeros(1, card.spec.num_channels, card.input_height, card.input_width)
    module = copy.deepcopy(module).eval()
    encoders = [part for part in module.modules() if isinstance(part, Encoder)]
    dynamic = None
    if card.is_dynamic:
        check_any_size(card, encoders)
        example = any_size_example(card)
        dynamic = (any_size_axes(card),)
    else:
        for encoder in encoders:
            encoder.fix_input_size(card.input_height, card.input_width)
    with torch.no_grad():
        said = module(example)  # an input that it cannot take is told in its own words, not torch's
    dtype, decode = DTYPES[card.precision], None
    if card.sensor is not None and card.is_decoded:
        decode = DeviceDecode(card, _letterbox(card), map_sizes(said))
    module = module.to(dtype)
    if card.is_streaming and card.input == "events":
        raise ValueError(
            f"{card.name} remembers earlier windows, and such engines take grids, no raw events"
        )
    if card.is_streaming:
        assert isinstance(module, Perception)
        inner, inputs, outputs = stream_graph(module, card, example, dtype)
    else:
        inner = OrderedOutputs(module, card.outputs, dtype, decode)
        inputs, outputs = {GRID: example}, card.outputs
    graph = EngineGraph(module=inner.eval(), inputs=inputs, outputs=outputs, dynamic=dynamic)
    return _from_events(graph, card) if card.input == "events" else graph


def _letterbox(card: ModelCard) -> Letterbox:
    assert card.sensor is not None
    return Letterbox(SensorSize(*card.sensor), card.input_height, card.input_width)


def _from_events(graph: EngineGraph, card: ModelCard) -> EngineGraph:
    """Put the representation in front of a graph that takes it."""
    gridder = make_gridder(card.spec, _letterbox(card), graph.inputs[GRID].device)
    gridder.check_duration(card.window_us)
    padding = torch.full((SMALLEST_BUCKET,), PADDING, dtype=torch.int32)
    return replace(
        graph,
        module=FromEvents(gridder, card.window_us, graph.module).eval(),
        inputs={name: padding.clone() for name in COLUMNS},
        dynamic=tuple({0: NUM_EVENTS} for _ in COLUMNS),
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

    def forward(self, t: Tensor, x: Tensor, y: Tensor, p: Tensor) -> tuple[Tensor, ...]:
        outputs: tuple[Tensor, ...] = self.inner(self.gridder(t, x, y, p, self.window_us))
        return outputs
