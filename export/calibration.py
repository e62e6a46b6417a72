"""Real windows that say which values an engine's tensors take: int8 is laid over those."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from events.sources.source import Source
from export.graph_runs import run_graph
from export.qdq import Ranges
from export.stretch import grids_of
from models.card import ModelCard

WINDOWS_PER_INPUT, HELD_OUT_PER_INPUT = 12, 4
DEFAULT_INPUTS = tuple(f"synthetic:{seed}" for seed in range(1, 5))
"""Scenes of every kind that the simulator knows; none is the one that engines are compared on."""

CUT = 1e-4
"""Share of a tensor's values at each end of a window that may lie beyond what int8 can say. A few
far values, of a flickering pixel say, would make the steps between all others coarse: on recordings
two to four more pixels of a hundred keep their label than with nothing cut."""

Grid = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Windows of some inputs: most to calibrate on, the last of each to measure errors on."""

    inputs: tuple[str, ...]
    windows: tuple[Grid, ...]
    """(C, input_height, input_width) each."""
    held_out: tuple[Grid, ...]
    """Later ones, of which calibration knows nothing."""

    def describe(self) -> dict[str, Any]:
        """Return what a card says of it."""
        return {
            "inputs": list(self.inputs),
            "num_windows": len(self.windows),
            "num_held_out": len(self.held_out),
        }


def read_calibration(
    inputs: Sequence[str], card: ModelCard, open_source: Callable[[str], Source]
) -> Calibration:
    """Read the first windows of each input.

    Raises:
        ValueError: the inputs have too few windows.
    """
    windows: list[Grid] = []
    held_out: list[Grid] = []
    for name in inputs:
        grids = list(grids_of(open_source(name), card, WINDOWS_PER_INPUT + HELD_OUT_PER_INPUT))
        num = max(len(grids) * WINDOWS_PER_INPUT // (WINDOWS_PER_INPUT + HELD_OUT_PER_INPUT), 1)
        windows += grids[:num]
        held_out += grids[num:]
    if not windows or not held_out:
        raise ValueError(
            f"calibration needs at least two windows, got {len(windows) + len(held_out)} of "
            f"{', '.join(inputs)}: give longer recordings"
        )
    return Calibration(inputs=tuple(inputs), windows=tuple(windows), held_out=tuple(held_out))


def find_ranges(model: onnx.ModelProto, windows: Iterable[Grid], tensors: Sequence[str]) -> Ranges:
    """Return what each tensor takes from and to over ``windows``, but for CUT of each window."""
    ranges = dict.fromkeys(tensors, (np.inf, -np.inf))
    for found in run_graph(model, windows, tensors):
        for name, (least, most) in ranges.items():
            low, high = np.quantile(found[name], (CUT, 1 - CUT))
            ranges[name] = (min(least, float(low)), max(most, float(high)))
    return ranges
