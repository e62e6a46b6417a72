"""Clocks of few bits, or set back to zero, as time that only goes on; for compiled decoders."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
# of a decoder's state: what restarts of the clock add, the event's time before, the latest time,
# events in a row that are much earlier
ADDED, BEFORE, LATEST, NUM_EARLIER = range(4, 8)
RESTART_US = 1_000_000
RESTART_EVENTS = 1_000
"""So many events in a row that are earlier by more than that say that the clock was set back."""


@numba.njit(inline="always")
def signed(word: Any) -> Any:
    """Return an unsigned word as int64, so that numbers made of it never become floats."""
    return np.int64(word)


@numba.njit(inline="always")
def unwrapped(value: int, last: int, trusted: int, num_bits: int) -> tuple[int, int]:
    """Return (the counter without wraps, what to trust) after reading ``value``.

    A step of up to a quarter of the range, either way, is time that passed (or a late word). After
    a larger one the next value decides: if it fits what was trusted before, a bit was wrong.

    Args:
        value: The counter as read, ``num_bits`` wide.
        last: The counter without wraps before it.
        trusted: The one before that did not follow a large step.
        num_bits: Width of the counter.
    """
    full = 1 << num_bits
    half = full >> 1
    quarter = full >> 2
    step = ((value - last + half) & (full - 1)) - half
    if -quarter <= step <= quarter:
        return last + step, last + step
    back = ((value - trusted + half) & (full - 1)) - half
    if -quarter <= back <= quarter:
        return trusted + back, trusted + back
    return last + step, trusted


@numba.njit(inline="always")
def continued(t: int, state: Rows) -> int:
    """Return an event's time, going on from the latest one where the clock was set back.

    The RESTART_EVENTS by which that is told keep their earlier times.
    """
    t += state[ADDED]
    # The latest time is one that the next event confirms: a wrong one far ahead does not count.
    state[LATEST] = max(state[LATEST], min(t, state[BEFORE]))
    state[BEFORE] = t
    if t >= state[LATEST] - RESTART_US:
        state[NUM_EARLIER] = 0
        return t
    state[NUM_EARLIER] += 1
    if state[NUM_EARLIER] < RESTART_EVENTS:
        return t
    state[ADDED] += state[LATEST] - t
    state[NUM_EARLIER] = 0
    latest: int = state[LATEST]
    return latest
