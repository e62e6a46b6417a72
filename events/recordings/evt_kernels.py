"""Decoders of Prophesee's EVT words, compiled.

Source: docs.prophesee.ai, "Data encoding formats" (EVT 2.0, EVT 2.1, EVT 3.0). Each decodes
``data`` into rows of ``events`` (t; x | y << 16 | p << 32) and ``triggers`` (t; kind), adds to
``counts`` (bytes skipped, events lost) and returns how many bytes, events and triggers those were.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from events.recordings.word_clock import Rows, signed, unwrapped

RISING, FALLING = 1, 2  # of TRIGGER_KINDS
# state: is the time known (1), time's high part, what of it to trust; EVT3: low part, y, x, p << 32
HAS_TIME, HIGH, TRUSTED, LOW, Y, X, POLARITY = range(7)
_HIGH_BITS_2, _LOW_BITS_2 = 28, 6
_HIGH_BITS_3, _LOW_BITS_3 = 12, 12

_PLACES = np.zeros(32, np.int64)
"""Which bit is set, by the top five bits of a de Bruijn number times that bit."""
for _bit in range(32):
    _PLACES[((0x077CB531 << _bit) & 0xFFFFFFFF) >> 27] = _bit


@numba.njit(cache=True, nogil=True)
def decode_evt2(
    data: npt.NDArray[np.uint8], state: Rows, events: Rows, triggers: Rows, counts: Rows
) -> tuple[int, int, int]:
    """Decode 32-bit words: type 4 bits, low time 6, x 11, y 11."""
    words = data[: len(data) & ~3].view(np.uint32)
    n = m = 0
    for i in range(len(words)):
        word = signed(words[i])
        kind = word >> 28
        if kind <= 1:
            if state[HAS_TIME]:
                events[n, 0] = state[HIGH] << _LOW_BITS_2 | word >> 22 & 0x3F
                events[n, 1] = word >> 11 & 0x7FF | (word & 0x7FF) << 16 | kind << 32
                n += 1
            else:
                counts[1] += 1
        else:
            m = _take_other(word, state, triggers, m, counts, 4)
    return len(words) * 4, n, m


@numba.njit(cache=True, nogil=True)
def decode_evt21_lower_first(
    data: npt.NDArray[np.uint8], state: Rows, events: Rows, triggers: Rows, counts: Rows
) -> tuple[int, int, int]:
    """Decode 64-bit words: above an EVT2 word, below which of 32 pixels from x on have an event."""
    return _decode_evt21(data, 1, state, events, triggers, counts)


@numba.njit(cache=True, nogil=True)
def decode_evt21_upper_first(
    data: npt.NDArray[np.uint8], state: Rows, events: Rows, triggers: Rows, counts: Rows
) -> tuple[int, int, int]:
    """Decode as decode_evt21_lower_first, but the two halves of a word are swapped in the file."""
    return _decode_evt21(data, 0, state, events, triggers, counts)


@numba.njit(cache=True, nogil=True)
def decode_evt3(
    data: npt.NDArray[np.uint8], state: Rows, events: Rows, triggers: Rows, counts: Rows
) -> tuple[int, int, int]:
    """Decode 16-bit words, each of which sets what has changed: type 4 bits, value 12."""
    words = data[: len(data) & ~1].view(np.uint16)
    has_time, high, trusted = state[HAS_TIME], state[HIGH], state[TRUSTED]
    t = high << _LOW_BITS_3 | state[LOW]
    y, x, polarity = state[Y], state[X], state[POLARITY]
    n = m = 0
    for i in range(len(words)):
        word = signed(words[i])
        kind = word >> 12
        if kind == 2:
            if has_time:
                events[n, 0] = t
                events[n, 1] = word & 0x7FF | y << 16 | (word & 0x800) << 21
                n += 1
            else:
                counts[1] += 1
        elif kind == 4 or kind == 5:
            valid = word & (0xFFF if kind == 4 else 0xFF)
            if has_time:
                n = _add_vector(t, x + (y << 16 | polarity), valid, events, n)
            else:
                counts[1] += _num_set(valid)
            x += 12 if kind == 4 else 8
        elif kind == 3:
            x, polarity = word & 0x7FF, (word & 0x800) << 21
        elif kind == 0:
            y = word & 0x7FF
        elif kind == 6:
            t = high << _LOW_BITS_3 | word & 0xFFF
        elif kind == 8:
            before = high
            if has_time:
                high, trusted = unwrapped(word & 0xFFF, high, trusted, _HIGH_BITS_3)
            else:
                has_time, high, trusted = 1, word & 0xFFF, word & 0xFFF
            if (
                high != before
            ):  # it is sent again and again; the low part starts anew with a new one
                t = high << _LOW_BITS_3
        elif kind == 10:
            triggers[m, 0], triggers[m, 1] = t, RISING if word & 1 else FALLING
            m += has_time
        elif kind != 7 and kind != 14 and kind != 15:  # which continue words of other makers
            counts[0] += 2
    state[HAS_TIME], state[HIGH], state[TRUSTED] = has_time, high, trusted
    state[LOW], state[Y], state[X], state[POLARITY] = t & 0xFFF, y, x, polarity
    return len(words) * 2, n, m


@numba.njit(nogil=True)
def _decode_evt21(
    data: npt.NDArray[np.uint8],
    upper: int,
    state: Rows,
    events: Rows,
    triggers: Rows,
    counts: Rows,
) -> tuple[int, int, int]:
    words = data[: len(data) & ~7].view(np.uint32)
    n = m = 0
    for i in range(0, len(words), 2):
        word, valid = signed(words[i + upper]), signed(words[i + 1 - upper])
        kind = word >> 28
        if kind <= 1 and state[HAS_TIME]:
            t = state[HIGH] << _LOW_BITS_2 | word >> 22 & 0x3F
            first = (word >> 11 & 0x7FF) + ((word & 0x7FF) << 16 | kind << 32)
            n = _add_vector(t, first, valid, events, n)
        elif kind <= 1:
            counts[1] += _num_set(valid)
        else:
            m = _take_other(word, state, triggers, m, counts, 8)
    return len(words) * 4, n, m


@numba.njit(inline="always")
def _num_set(valid: int) -> int:
    num = 0
    while valid:
        valid &= valid - 1
        num += 1
    return num


@numba.njit(inline="always")
def _add_vector(t: int, first: int, valid: int, events: Rows, n: int) -> int:
    """Write an event for each set bit of 32, x counted from ``first``'s; return the next row."""
    while valid:
        lowest = valid & -valid
        events[n, 0] = t
        events[n, 1] = first + _PLACES[(lowest * 0x077CB531 & 0xFFFFFFFF) >> 27]
        n += 1
        valid ^= lowest
    return n


@numba.njit(inline="always")
def _take_other(
    word: int, state: Rows, triggers: Rows, m: int, counts: Rows, num_bytes: int
) -> int:
    """Take an EVT2 or 2.1 word that is no event; return the next row of triggers."""
    kind = word >> 28
    if kind == 8:
        high = word & 0xFFFFFFF
        if state[HAS_TIME]:
            state[HIGH], state[TRUSTED] = unwrapped(high, state[HIGH], state[TRUSTED], _HIGH_BITS_2)
        else:
            state[HAS_TIME], state[HIGH], state[TRUSTED] = 1, high, high
    elif kind == 10:
        triggers[m, 0] = state[HIGH] << _LOW_BITS_2 | word >> 22 & 0x3F
        triggers[m, 1] = RISING if word & 1 else FALLING
        m += state[HAS_TIME]
    elif kind != 14 and kind != 15:  # which continue words of other makers
        counts[0] += num_bytes
    return m
