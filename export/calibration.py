"""Real windows that say which values an engine's tensors take: int8 is laid over those."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from events.sources.source import Source
from export.event_input import COLUMNS, EventColumns
from export.graph_runs import Feeds, Stream, run_graph
from export.onnx_shapes import GRID
from export.qdq import Ranges
from export.stretch import grids_of, packets_of
from models.card import ModelCard

WINDOWS_PER_INPUT, HELD_OUT_PER_INPUT = 12, 4
DEFAULT_INPUTS = tuple(f"synthetic:{seed}" for seed in range(1, 5))
"""Scenes of every kind that the simulator knows; none is the one that engines are compared on."""

CUT = 1e-4
"""Share of a tensor's values at each end of a window that may lie beyond what int8 can say. A few
far values, of a flickering pixel say, would make the steps between all others coarse: on recordings
two to four more pixels of a hundred keep their label than with nothing cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Windows of some inputs: most to calibrate on, the last of each to measure errors on."""

    inputs: tuple[str, ...]
    streams: tuple[Stream, ...]
    """Of each input the first windows, as the engine takes them."""
    held_out: tuple[Stream, ...]
    """Later ones, of which calibration knows nothing."""

    def describe(self) -> dict[str, Any]:
        """Return what a card says of it."""
        return {
            "inputs": list(self.inputs),
            "num_windows": sum(map(len, self.streams)),
            "num_held_out": sum(map(len, self.held_out)),
        }


def read_calibration(
    inputs: Sequence[str], card: ModelCard, open_source: Callable[[str], Source]
) -> Calibration:
    """Read the first windows of each input.

    Raises:
        ValueError: the inputs have too few windows.
    """
    streams: list[Stream] = []
    held_out: list[Stream] = []
    for name in inputs:
        limit = WINDOWS_PER_INPUT + HELD_OUT_PER_INPUT
        windows = list(_windows_of(open_source(name), card, limit))
        num = max(len(windows) * WINDOWS_PER_INPUT // limit, 1)
        streams.append(windows[:num])
        held_out.append(windows[num:])
    num_windows = sum(map(len, streams + held_out))
    if not any(streams) or not any(held_out):
        raise ValueError(
            f"calibration needs at least two windows, got {num_windows} of "
            f"{', '.join(inputs)}: give longer recordings"
        )
    return Calibration(inputs=tuple(inputs), streams=tuple(streams), held_out=tuple(held_out))


def _windows_of(source: Source, card: ModelCard, num_windows: int) -> Iterator[Feeds]:
    """Yield windows as an engine of ``card`` takes them."""
    if card.input == "events":
        columns = EventColumns(card)
        for packet in packets_of(source, card, num_windows):
            yield dict(zip(COLUMNS, columns.fill(packet), strict=True))
    else:
        for grid in grids_of(source, card, num_windows):
            yield {GRID: grid[None]}


def find_ranges(
    model: onnx.ModelProto, streams: Iterable[Stream], tensors: Sequence[str]
) -> Ranges:
    """Return what each tensor takes from and to, but for CUT of each window."""
    ranges = dict.fromkeys(tensors, (np.inf, -np.inf))
    for found in run_graph(model, streams, tensors):
        for name, (least, most) in ranges.items():
            low, high = np.quantile(found[name], (CUT, 1 - CUT))
            ranges[name] = (min(least, float(low)), max(most, float(high)))
    return ranges
