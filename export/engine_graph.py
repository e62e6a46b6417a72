"""EngineGraph: what an engine computes, as a torch module with named inputs and outputs.

The module that was trained stays as it is; what only an engine needs is put around it here, from
the inside out: the card's outputs (a stream's memory behind them), raw events in front.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from export.answer import Answer
from export.any_size import any_size_axes, any_size_example, check_any_size
from export.event_input import COLUMNS, NUM_EVENTS, PADDING, SMALLEST_BUCKET
from export.onnx_shapes import GRID
from export.stream_graph import stream_graph
from models.card import ModelCard
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
            raw events cannot be taken over a window as long as the card's.
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
    dtype, answer = DTYPES[card.precision], Answer(card, said)
    module = module.to(dtype)
    graph = replace(grid_graph(module, card, answer, example, dtype), dynamic=dynamic)
    return _from_events(graph, card) if card.input == "events" else graph


def grid_graph(
    module: nn.Module, card: ModelCard, answer: Answer, example: Tensor, dtype: torch.dtype
) -> EngineGraph:
    """Return the graph that takes grids, and of a stream its memory.

    Args:
        module: In ``dtype``.
        card: Says whether it streams.
        answer: Of the module.
        example: (1, C, H, W) float32.
        dtype: What the module computes in.
    """
    if not card.is_streaming:
        ordered = OrderedOutputs(module, answer, dtype).eval()
        return EngineGraph(module=ordered, inputs={GRID: example}, outputs=answer.names)
    assert isinstance(module, Perception)
    stream, inputs, outputs = stream_graph(module, answer, example, dtype)
    return EngineGraph(module=stream.eval(), inputs=inputs, outputs=outputs)


def _from_events(graph: EngineGraph, card: ModelCard) -> EngineGraph:
    """Put the representation in front of a graph that takes it."""
    assert card.sensor is not None
    letterbox = Letterbox(SensorSize(*card.sensor), card.input_height, card.input_width)
    gridder = make_gridder(card.spec, letterbox, graph.inputs[GRID].device)
    gridder.check_duration(card.window_us)
    padding = torch.full((SMALLEST_BUCKET,), PADDING, dtype=torch.int32)
    besides = {name: value for name, value in graph.inputs.items() if name != GRID}
    dynamic: tuple[Any, ...] = tuple({0: NUM_EVENTS} for _ in COLUMNS)
    if besides:  # one more parameter of FromEvents, of which torch.onnx takes no None
        dynamic = (*dynamic, tuple({} for _ in besides))
    return replace(
        graph,
        module=FromEvents(gridder, card.window_us, graph.module).eval(),
        inputs={**{name: padding.clone() for name in COLUMNS}, **besides},
        dynamic=dynamic,
    )


class OrderedOutputs(nn.Module):
    """A perception module computing in ``dtype``, and what its engine gives of what it said."""

    def __init__(self, module: nn.Module, answer: Answer, dtype: torch.dtype) -> None:
        super().__init__()
        self.module = module
        self.answer = answer
        self.dtype = dtype

    def forward(self, events: Tensor) -> tuple[Tensor, ...]:
        outputs: tuple[Tensor, ...] = self.answer(self.module(events.to(self.dtype)))
        return outputs


class FromEvents(nn.Module):
    """The representation of raw events in front of a graph that takes it, and maybe more."""

    def __init__(self, gridder: Gridder, window_us: int, graph: nn.Module) -> None:
        super().__init__()
        self.gridder = gridder
        self.window_us = window_us
        self.inner = graph

    def forward(
        self, t: Tensor, x: Tensor, y: Tensor, p: Tensor, *besides: Tensor
    ) -> tuple[Tensor, ...]:
        grid = self.gridder(t, x, y, p, self.window_us)
        outputs: tuple[Tensor, ...] = self.inner(grid, *besides)
        return outputs
