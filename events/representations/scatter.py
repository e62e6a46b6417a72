"""Compiled scatter of events into planes of time: the inner loops of the voxel grid and its ring.

Arguments that may be None select a specialisation at compile time, so that no loop tests for them:
``columns`` and ``rows`` (a lookup from sensor pixels to cells of another grid), ``off_offset`` (two
channels of polarity instead of a sign) and ``left`` (the plane an interval fades out of).
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.int64]
Flat = npt.NDArray[np.float32]


@nb.njit(nogil=True, cache=True)
def bisect_time(words: Words, t_us: int, first: int, last: int) -> int:
    """Return the first index in [first, last] whose event is not before ``t_us``."""
    while first < last:
        middle = (first + last) >> 1
        if words[middle, 0] < t_us:
            first = middle + 1
        else:
            last = middle
    return first


@nb.njit(nogil=True, cache=True, error_model="numpy")
def scatter_interval(
    words: Words,
    first: int,
    last: int,
    base_us: int,
    scale: Any,
    offset: Any,
    width: int,
    num_pixels: int,
    columns: Any,
    rows: Any,
    off_offset: Any,
    left: Any,
    right: Flat,
) -> None:
    """Add events [first, last) of one interval between two planes, linearly in time.

    An event adds ``(t - base_us) * scale - offset`` to ``right`` and the rest of 1 to ``left``.
    """
    zero, one = np.uint64(0), np.uint64(1)
    low16, shift16, shift32 = np.uint64(0xFFFF), np.uint64(16), np.uint64(32)
    stride = np.uint64(width)
    # Pixels off the sensor break EventPacket's contract; the clamp keeps them from breaking memory.
    last_pixel = np.uint64(num_pixels - 1)
    if columns is not None:
        last_x, last_y = np.uint64(len(columns) - 1), np.uint64(len(rows) - 1)
    for i in range(first, last):
        weight = np.float32(words[i, 0] - base_us) * scale - offset
        word = np.uint64(words[i, 1])
        x = word & low16
        y = (word >> shift16) & low16
        # Bytes 13 to 15 of a record are padding: only polarity's lowest bit counts. It is a coin
        # flip: what depends on it must compile to a select, as a branch would double the time.
        on = (word >> shift32) & one
        if columns is None:
            cell = min(y * stride + x, last_pixel)
        else:
            cell = np.uint64(rows[min(y, last_y)]) + np.uint64(columns[min(x, last_x)])
        rest = np.float32(1) - weight
        if off_offset is None:
            if left is not None:
                left[cell] += rest if on else -rest
            right[cell] += weight if on else -weight
        else:
            cell += zero if on else np.uint64(off_offset)
            if left is not None:
                left[cell] += rest
            right[cell] += weight


@nb.njit(nogil=True, cache=True)
def _zero(planes: Flat, first: int, count: int, off_offset: Any) -> None:
    planes[first : first + count] = 0
    if off_offset is not None:
        planes[first + off_offset : first + off_offset + count] = 0


@nb.njit(nogil=True, cache=True, error_model="numpy")
def scatter_window(
    words: Words, start_us: int, duration_us: int, num_intervals: int, is_trailing: bool,
    keeps_first: bool, width: int, columns: Any, rows: Any, off_offset: Any, planes: Flat,
    num_cells: int,
) -> None:  # fmt: skip
    """Scatter the events of [start_us, start_us + duration_us], the last microsecond included.

    Each plane is zeroed just before its first event, while the cache still holds it.

    Args:
        words: (N, 2) EventPacket.words, read-only.
        start_us: Where the first interval begins.
        duration_us: Length of all intervals together, at least 1.
        num_intervals: Each has the number of its left plane (closed) or right one (trailing).
        is_trailing: Whether the first interval has no left plane.
        keeps_first: Whether plane 0 is added to instead of overwritten.
        width: Of the sensor, in pixels.
        columns: (sensor width,) uint32 cell of each column, or None where cells are pixels.
        rows: (sensor height,) uint32 first cell of each row, or None.
        off_offset: Distance in floats from an ON plane to its OFF plane; None if planes are signed.
        planes: Flat float32, all planes.
        num_cells: Of one plane.
    """
    scale, shift = np.float32(num_intervals / duration_us), 0 if is_trailing else 1
    if not (is_trailing or keeps_first):
        _zero(planes, 0, num_cells, off_offset)
    last = bisect_time(words, start_us, 0, len(words))
    for k in range(num_intervals):
        first = last
        base_us, remainder = divmod(k * duration_us, num_intervals)
        next_us = -((-(k + 1) * duration_us) // num_intervals)
        last = bisect_time(words, start_us + next_us, first, len(words))
        right, offset = (k + shift) * num_cells, np.float32(remainder / duration_us)
        if right > 0 or not keeps_first:
            _zero(planes, right, num_cells, off_offset)
        if right == 0:
            scatter_interval(words, first, last, start_us + base_us, scale, offset, width,
                             num_cells, columns, rows, off_offset, None, planes)  # fmt: skip
        else:
            scatter_interval(words, first, last, start_us + base_us, scale, offset, width,
                             num_cells, columns, rows, off_offset, planes[right - num_cells :],
                             planes[right:])  # fmt: skip
    # Events at the very end exist only where the grid is anchored on the events themselves.
    newest = planes[(num_intervals - 1 + shift) * num_cells :]
    first, last = last, bisect_time(words, start_us + duration_us + 1, last, len(words))
    scatter_interval(words, first, last, start_us, np.float32(0), np.float32(-1), width,
                     num_cells, columns, rows, off_offset, None, newest)  # fmt: skip
