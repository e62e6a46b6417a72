"""Compiled loops of events.filters: copy what stays to ``kept`` and return how many that are.

Every event is copied and only the count depends on the verdict: noise is not predictable, and a
branch that is guessed wrong costs more than the copy.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.int64]
"""(N, 2), EventPacket.words."""
Times = npt.NDArray[np.int64]
"""Newest event of each pixel in microseconds."""


@nb.njit(nogil=True, cache=True, inline="always")
def _pixel(word: int, height: int, width: int) -> tuple[np.uint64, np.uint64]:
    """Return (y, x), clamped to the sensor."""
    low16 = np.uint64(0xFFFF)
    y = (np.uint64(word) >> np.uint64(16)) & low16
    return min(y, np.uint64(height - 1)), min(np.uint64(word) & low16, np.uint64(width - 1))


@nb.njit(nogil=True, cache=True)
def keep_supported(words: Words, duration_us: int, newest_us: Times, kept: Words) -> int:
    """Keep events with a neighbour's event less than ``duration_us`` ago.

    ``newest_us`` is (H + 2, W + 2): the sensor with a rim that never has events.
    """
    height, width = newest_us.shape[0] - 2, newest_us.shape[1] - 2
    one, two = np.uint64(1), np.uint64(2)
    num_kept = 0
    for i in range(len(words)):
        t = words[i, 0]
        top, left = _pixel(words[i, 1], height, width)
        middle, below, centre, right = top + one, top + two, left + one, left + two
        newest = max(newest_us[top, left], newest_us[top, centre], newest_us[top, right])
        newest = max(newest, newest_us[middle, left], newest_us[middle, right])
        newest = max(newest, newest_us[below, left], newest_us[below, centre])
        newest = max(newest, newest_us[below, right])
        newest_us[middle, centre] = t
        kept[num_kept, 0] = t
        kept[num_kept, 1] = words[i, 1]
        num_kept += t - newest < duration_us
    return num_kept


@nb.njit(nogil=True, cache=True)
def keep_unrefractory(words: Words, period_us: int, newest_us: Times, kept: Words) -> int:
    """Keep events at least ``period_us`` after the last one kept at their pixel."""
    num_kept = 0
    for i in range(len(words)):
        t = words[i, 0]
        y, x = _pixel(words[i, 1], newest_us.shape[0], newest_us.shape[1])
        last_us = newest_us[y, x]
        is_kept = t - last_us >= period_us
        newest_us[y, x] = t if is_kept else last_us
        kept[num_kept, 0] = t
        kept[num_kept, 1] = words[i, 1]
        num_kept += is_kept
    return num_kept


@nb.njit(nogil=True, cache=True)
def keep_unmasked(words: Words, mask: npt.NDArray[np.bool_], kept: Words) -> int:
    """Keep events of pixels that ``mask`` (H, W) leaves alone."""
    num_kept = 0
    for i in range(len(words)):
        y, x = _pixel(words[i, 1], mask.shape[0], mask.shape[1])
        kept[num_kept, 0] = words[i, 0]
        kept[num_kept, 1] = words[i, 1]
        num_kept += not mask[y, x]
    return num_kept


@nb.njit(nogil=True, cache=True)
def count_pixels(words: Words, counts: npt.NDArray[np.int32]) -> None:
    """Add each event to ``counts`` (H, W)."""
    for i in range(len(words)):
        y, x = _pixel(words[i, 1], counts.shape[0], counts.shape[1])
        counts[y, x] += 1
