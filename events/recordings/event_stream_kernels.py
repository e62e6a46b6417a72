"""The decoding of Event Stream bytes, compiled."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

_PASSED, _NOTHING = 255, 254
"""Bytes that are no event: 127 us passed; a reset, which says nothing."""
_PASSED_US = 127


@numba.njit(cache=True, nogil=True)
def skip(data: npt.NDArray[np.uint8], t_us: int) -> tuple[int, int]:
    """Return (bytes of whole events and marks at the start of ``data``, the time after them)."""
    i = 0
    while i < len(data):
        byte = data[i]
        if byte == _PASSED:
            t_us += _PASSED_US
            i += 1
        elif byte == _NOTHING:
            i += 1
        elif i + 5 <= len(data):
            t_us += byte >> 1
            i += 5
        else:
            break
    return i, t_us


@numba.njit(cache=True, nogil=True)
def decode(
    data: npt.NDArray[np.uint8], t_us: int, height: int, words: npt.NDArray[np.int64]
) -> int:
    """Write the events of ``data`` as (N, 2) words of EVENT_DTYPE and return their number."""
    i = num_events = 0
    while i < len(data):
        byte = data[i]
        if byte == _PASSED:
            t_us += _PASSED_US
            i += 1
        elif byte == _NOTHING:
            i += 1
        elif i + 5 <= len(data):
            t_us += byte >> 1
            x = np.int64(data[i + 1]) | np.int64(data[i + 2]) << 8
            row = np.int64(data[i + 3]) | np.int64(data[i + 4]) << 8
            y = height - 1 - row if row < height else 65535
            words[num_events, 0] = t_us
            words[num_events, 1] = x | y << 16 | np.int64(byte & 1) << 32
            num_events += 1
            i += 5
        else:
            break
    return num_events
