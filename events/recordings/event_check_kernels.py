"""The check of decoded events in one pass, compiled."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt


@numba.njit(cache=True, nogil=True)
def are_ordered_inside(words: npt.NDArray[np.int64], width: int, height: int) -> bool:
    """Whether (N, 2) words, N > 0, are events in order, inside, of polarity 0 or 1."""
    # Whatever is wrong makes a difference negative; one sign bit gathers them all, so that it runs
    # in SIMD.
    signs = words[0, 0]
    for i in range(len(words) - 1):
        signs |= words[i + 1, 0] - words[i, 0]
    for i in range(len(words)):
        word = words[i, 1]
        signs |= width - 1 - (word & 0xFFFF)
        signs |= height - 1 - ((word >> 16) & 0xFFFF)
        signs |= 1 - ((word >> 32) & 0xFF)
    return bool(signs >= 0)
