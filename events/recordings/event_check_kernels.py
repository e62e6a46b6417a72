"""The check of decoded events in one pass, compiled."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

_USED_BITS = 0xFF_FFFF_FFFF
"""Those of x, y and polarity; the rest of the word is padding."""


@numba.njit(cache=True, nogil=True)
def are_plausible(
    words: npt.NDArray[np.int64], width: int, height: int, first_us: int, last_us: int
) -> bool:
    """Whether (2 N,) words, N > 0, are events in order within [first_us, last_us], 0 <= first_us.

    And whether they lie inside of width x height and have polarity 0 or 1.
    """
    # One pass that runs in SIMD. Each limit has a guard bit above it, which a subtraction clears
    # where a number is larger, and which no such number may have itself.
    guards = 1 << 39 | 1 << 31 | 1 << 15
    limits = guards | 1 << 32 | (height - 1) << 16 | width - 1
    events = words.reshape(-1, 2)
    used = events[-1, 1] & _USED_BITS
    spare = limits - used
    signs = (events[0, 0] - first_us) | (last_us - events[-1, 0])
    for i in range(len(events) - 1):
        signs |= events[i + 1, 0] - events[i, 0]
        word = events[i, 1] & _USED_BITS
        used |= word
        spare &= limits - word
    return bool(signs >= 0 and used & guards == 0 and spare & guards == guards)
