"""The check of decoded events in one pass, compiled."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt


@numba.njit(cache=True, nogil=True)
def are_plausible(
    words: npt.NDArray[np.int64], width: int, height: int, first_us: int, last_us: int
) -> bool:
    """Whether (2 N,) words, N > 0, are events in order within [first_us, last_us], 0 <= first_us.

    And whether they lie inside of width x height and have polarity 0 or 1.
    """
    # Whatever is wrong makes a difference negative; one sign bit gathers them all, so that it runs
    # in SIMD.
    events = words.reshape(-1, 2)
    signs = (events[0, 0] - first_us) | (last_us - events[-1, 0])
    for i in range(len(events) - 1):
        signs |= events[i + 1, 0] - events[i, 0]
    for i in range(len(events)):
        word = events[i, 1]
        signs |= width - 1 - (word & 0xFFFF)
        signs |= height - 1 - ((word >> 16) & 0xFFFF)
        signs |= 1 - ((word >> 32) & 0xFF)
    return bool(signs >= 0)
