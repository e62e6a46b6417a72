"""Whether decoded events can be true, and taking out those that cannot."""

from __future__ import annotations

import functools
import sys
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from events.packet import EventArray, SensorSize

_LANES = 512
"""16-bit numbers that one SIMD maximum runs over: 64 events of 8."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known from elsewhere about a stretch of events: [first_us, last_us], both inside."""

    first_us: int
    last_us: int


def are_plausible(events: EventArray, sensor: SensorSize, bounds: Bounds) -> bool:
    """Whether all events lie inside the sensor and the bounds, in order, with polarity 0 or 1."""
    if len(events) == 0:
        return True
    # Importing numba takes longer than `saccade info` may: used where the program has it loaded.
    check = _compiled_check() if "numba" in sys.modules else are_plausible_reference
    words = events.view(np.int64)
    return check(words, sensor.width, sensor.height, bounds.first_us, bounds.last_us)


@functools.cache
def _compiled_check() -> Callable[[npt.NDArray[np.int64], int, int, int, int], bool]:
    from events.recordings import event_check_kernels

    return event_check_kernels.are_plausible


def are_plausible_reference(
    words: npt.NDArray[np.int64], width: int, height: int, first_us: int, last_us: int
) -> bool:
    """As the compiled check of the same arguments, in numpy."""
    words = words.reshape(-1, 2)
    t = words[:, 0]
    if not first_us <= t[0] <= t[-1] <= last_us:
        return False
    x, y, p = _maxima(words)
    return x < width and y < height and p <= 1 and bool((t[:-1] <= t[1:]).all())


def keep_plausible(
    events: EventArray, sensor: SensorSize, bounds: Bounds
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return (N,) masks of the events inside the sensor, and of those among them to keep.

    Events outside of the bounds are out of order; of what remains the longest run in order is kept,
    so that one wrong time far ahead costs one event and not all that follow it.
    """
    t = events["t"]
    is_inside = (events["x"] < sensor.width) & (events["y"] < sensor.height)
    is_kept = is_inside & (t >= bounds.first_us) & (t <= bounds.last_us)
    chosen = np.flatnonzero(is_kept)
    is_kept[chosen[~_longest_ordered(t[chosen])]] = False
    return is_inside, is_kept


def with_true_polarity(events: EventArray) -> EventArray:
    """Return the events with every polarity 0 or 1: some files hold 255 or 2 for brighter."""
    if len(events) == 0 or int(events["p"].max()) <= 1:
        return events
    events = events.copy()
    events["p"] = events["p"] != 0
    return events


def _maxima(words: npt.NDArray[np.int64]) -> tuple[int, int, int]:
    """Return the largest x, y and polarity (or padding, where that is larger) of (N, 2) words."""
    lanes = words.view(np.uint16).reshape(-1)
    whole = len(lanes) // _LANES * _LANES
    largest = np.zeros(8, np.uint16)
    if whole:
        rows = np.maximum.reduce(lanes[:whole].reshape(-1, _LANES), axis=0)
        largest = np.maximum.reduce(rows.reshape(-1, 8), axis=0)
    if whole < len(lanes):
        rest = np.maximum.reduce(lanes[whole:].reshape(-1, 8), axis=0)
        largest = np.maximum(largest, rest)
    p = int(largest[6])
    if p > 1:
        p = int(words.view(np.uint8).reshape(-1, 16)[:, 12].max())
    return int(largest[4]), int(largest[5]), p


def _longest_ordered(t: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return the (N,) mask of a longest non-decreasing subsequence (patience sorting, n log n)."""
    keep = np.ones(len(t), bool)
    if (t[:-1] <= t[1:]).all():
        return keep
    ends: list[int] = []
    end_at: list[int] = []
    before = []
    for i, value in enumerate(t.tolist()):
        place = bisect_right(ends, value)
        before.append(end_at[place - 1] if place else -1)
        if place == len(ends):
            ends.append(value)
            end_at.append(i)
        else:
            ends[place] = value
            end_at[place] = i
    keep[:] = False
    i = end_at[-1]
    while i >= 0:
        keep[i] = True
        i = before[i]
    return keep
