"""The decoder of AEDAT 3.1's packets of polarity and special events, compiled.

Source: docs.inivation.com, "AEDAT 3.1". All numbers are little-endian.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from events.recordings.word_clock import ADDED, Rows, continued, signed

HEADER_BYTES = 28
SPECIAL, POLARITY, FRAME = 0, 1, 2
EVENT_BYTES = 8
_MAX_TYPE = 63
_MAX_EVENT_BYTES = 1 << 26
_MAX_SPARE = 1 << 16
# state: events left in the packet, its type, its time's high part, bytes to pass over; from 4 on:
# see word_clock
NUM_LEFT, TYPE, OVERFLOW, NUM_PASSED = range(4)


@numba.njit(cache=True, nogil=True)
def decode_aedat3(
    data: npt.NDArray[np.uint8], state: Rows, events: Rows, triggers: Rows, counts: Rows
) -> tuple[int, int, int]:
    """Decode packets as evt_kernels do words; what is no packet is searched for the next header.

    Returns:
        How many bytes, events and triggers those were.
    """
    position = n = m = 0
    while True:
        if state[NUM_PASSED] > 0:
            passed = min(state[NUM_PASSED], len(data) - position)
            position += passed
            state[NUM_PASSED] -= passed
        if state[NUM_LEFT] == 0:
            if len(data) - position < HEADER_BYTES:
                break
            if not _take_header(data, position, state):
                counts[0] += 1
                position += 1
                continue
            position += HEADER_BYTES
            counts[2] += state[NUM_PASSED] > 0 and state[TYPE] != FRAME
            continue
        num = min(state[NUM_LEFT], (len(data) - position) // EVENT_BYTES)
        if num == 0:
            break
        for at in range(position, position + num * EVENT_BYTES, EVENT_BYTES):
            word = _u32(data, at)
            if word & 1 == 0:  # a filter of the recording program took it out
                continue
            t = state[OVERFLOW] << 31 | _u32(data, at + 4)
            if state[TYPE] == POLARITY:
                events[n, 0] = continued(t, state)
                events[n, 1] = word >> 17 | (word >> 2 & 0x7FFF) << 16 | (word >> 1 & 1) << 32
                n += 1
            elif 1 <= word >> 1 & 0x7F <= 4:
                triggers[m, 0], triggers[m, 1] = t + state[ADDED], (word >> 1 & 0x7F) - 1
                m += 1
        position += num * EVENT_BYTES
        state[NUM_LEFT] -= num
    return position, n, m


@numba.njit(cache=True, nogil=True)
def find_header(data: npt.NDArray[np.uint8]) -> int:
    """Return where the first header of a packet begins; where it could, if there is none."""
    state = np.zeros(NUM_PASSED + 1, np.int64)
    last = len(data) - HEADER_BYTES
    for at in range(last + 1):
        if _take_header(data, at, state):
            return at
    return max(last + 1, 0)


@numba.njit(inline="always")
def _take_header(data: npt.NDArray[np.uint8], at: int, state: Rows) -> bool:
    """Set the state by the header of a packet; False where it cannot be one."""
    kind = _u32(data, at) & 0xFFFF
    size, offset = _u32(data, at + 4), _u32(data, at + 8)
    overflow, capacity = _u32(data, at + 12), _u32(data, at + 16)
    number, num_valid = _u32(data, at + 20), _u32(data, at + 24)
    if kind > _MAX_TYPE or not 0 < size <= _MAX_EVENT_BYTES or offset >= size:
        return False
    if overflow > 0x7FFFFFFF or not num_valid <= number <= capacity <= number + _MAX_SPARE:
        return False
    is_read = kind in (POLARITY, SPECIAL)
    if is_read and (size != EVENT_BYTES or offset != 4):
        return False
    state[TYPE], state[OVERFLOW] = kind, overflow
    state[NUM_LEFT] = number if is_read else 0
    state[NUM_PASSED] = 0 if is_read else number * size
    return True


@numba.njit(inline="always")
def _u32(data: npt.NDArray[np.uint8], at: int) -> int:
    word: int = (
        signed(data[at])
        | signed(data[at + 1]) << 8
        | signed(data[at + 2]) << 16
        | signed(data[at + 3]) << 24
    )
    return word
