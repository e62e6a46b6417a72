"""The decoder of events that are 8 bytes each, address and time: DAT and AEDAT 2.0; compiled."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from events.recordings.word_clock import Rows, continued, signed, unwrapped

# state: is the time known (1), the time, what of it to trust; from 4 on: see word_clock
HAS_TIME, TIME, TRUSTED = range(3)
PULSE = 3  # of TRIGGER_KINDS


@numba.njit(cache=True, nogil=True)
def decode_records(
    data: npt.NDArray[np.uint8],
    state: Rows,
    events: Rows,
    triggers: Rows,
    counts: Rows,
    layout: Rows,
) -> tuple[int, int, int]:
    """Decode records into ``events`` and ``triggers`` as evt_kernels do; see RecordLayout.

    Returns:
        How many bytes, events and triggers those were.
    """
    (is_big, time_at, x_shift, x_mask, x_last, y_shift, y_mask, y_last) = layout[:8]
    (p_shift, p_flip, event_mask, event_value, trigger_mask, trigger_value) = layout[8:14]
    words = data[: len(data) & ~7].view(np.uint32)
    n = m = 0
    for i in range(0, len(words), 2):
        address, value = signed(words[i + 1 - time_at]), signed(words[i + time_at])
        if is_big:
            address, value = _swapped(address), _swapped(value)
        is_event = address & event_mask == event_value
        is_trigger = trigger_mask != 0 and address & trigger_mask == trigger_value
        if not (is_event or is_trigger):
            counts[2] += 1
            continue
        t = _time_us(value, state)
        if is_event:
            x, y = address >> x_shift & x_mask, address >> y_shift & y_mask
            x = x_last - x if x_last >= 0 else x
            y = y_last - y if y_last >= 0 else y
            p = (address >> p_shift & 1) ^ p_flip
            events[n, 0] = t
            events[n, 1] = x & 0xFFFF | (y & 0xFFFF) << 16 | p << 32  # below 0: far outside
            n += 1
        else:
            triggers[m, 0], triggers[m, 1] = t, PULSE
            m += 1
    return len(words) * 4, n, m


@numba.njit(inline="always")
def _swapped(word: int) -> int:
    return word >> 24 | word >> 8 & 0xFF00 | (word & 0xFF00) << 8 | (word & 0xFF) << 24


@numba.njit(inline="always")
def _time_us(value: int, state: Rows) -> int:
    """Return the time of a 32-bit counter that wraps, or that somebody set back to zero."""
    if not state[HAS_TIME]:
        state[HAS_TIME], state[TIME], state[TRUSTED] = 1, value, value
    state[TIME], state[TRUSTED] = unwrapped(value, state[TIME], state[TRUSTED], 32)
    return continued(state[TIME], state)
