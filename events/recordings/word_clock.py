"""unwrapped: a counter of few bits as one that never wraps, compiled into the decoders."""

from __future__ import annotations

import numba


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
