"""What can be said of an engine without the model that it was made of."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from events.packet import EventPacket
from export.backends.backend import Engine, Outputs
from export.parity import Grid, said
from models.card import DEPTH_M, ModelCard


def unsound(engine: Engine, windows: Iterable[Grid | EventPacket]) -> tuple[int, list[str]]:
    """Return how many windows were run, and one line for each thing that no engine may do.

    Raises:
        ValueError: there are no windows.
    """
    found: dict[str, int] = {}
    num_windows = 0
    for window in windows:
        num_windows += 1
        first = {name: np.array(values) for name, values in said(engine, window).items()}
        problems = _problems(engine.card, first)
        again = said(engine, window)
        problems |= {
            f"{name} differs when the same window is run twice"
            for name, values in first.items()
            if not np.array_equal(values, again[name], equal_nan=True)
        }
        for problem in problems:
            found[problem] = found.get(problem, 0) + 1
    if not num_windows:
        raise ValueError("a check needs at least one window, got none: give a longer recording")
    return num_windows, [f"{text} ({num} windows)" for text, num in found.items()]


def _problems(card: ModelCard, outputs: Outputs) -> set[str]:
    found = {
        f"{name} is not finite" for name, values in outputs.items() if not np.isfinite(values).all()
    }
    least_m, most_m = card.depth_range_m
    slack = 1e-3  # of the float's rounding, more of fp16's
    for name in {"depth", DEPTH_M} & set(outputs):
        depth_m = outputs[name].astype(np.float32)
        if (depth_m < least_m * (1 - slack)).any() or (depth_m > most_m * (1 + slack)).any():
            found.add(f"{name} leaves {least_m:g} to {most_m:g} m")
    return found
