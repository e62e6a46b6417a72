"""Row: one measured figure with its ratio to a baseline of the same run; how to take one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the benchmark's table."""

    section: str
    name: str
    value: float
    unit: str
    baseline: float | None = None
    """The same figure of what it is compared with, measured in this run; None for a baseline."""
    is_higher_better: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better than the baseline: above 1 is better, whatever the unit."""
        if self.baseline is None or not self.value or not self.baseline:
            return None
        if self.is_higher_better:
            return self.value / self.baseline
        return self.baseline / self.value


def alternating_ms(
    calls: dict[str, Callable[[], object]], *, num_rounds: int = 7
) -> dict[str, float]:
    """Return the median milliseconds of each call, taken in turns: all meet the same machine."""
    durations = durations_ms(calls, num_rounds=num_rounds)
    return {name: float(np.median(values)) for name, values in durations.items()}


def durations_ms(
    calls: dict[str, Callable[[], object]], *, num_rounds: int, num_warm_ups: int = 1
) -> dict[str, list[float]]:
    """Return the milliseconds of each call in each round, the calls taken in turns."""
    durations: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(num_rounds + num_warm_ups):
        for name, call in calls.items():
            started_s = time.perf_counter()
            call()
            if number >= num_warm_ups:
                durations[name].append(1e3 * (time.perf_counter() - started_s))
    return durations
