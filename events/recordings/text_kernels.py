"""Parsing lines of plain decimal numbers, compiled."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

_MAX_EXACT = 1 << 53
"""Whole numbers up to this are exact as float64, so that one division rounds only once."""
_MAX_DIGITS = 18
_POWERS = 10.0 ** np.arange(_MAX_DIGITS + 1)
_NEWLINE, _MINUS, _PLUS, _POINT, _ZERO, _NINE = (np.uint8(ord(sign)) for sign in "\n-+.09")
_SEPARATORS = np.zeros(256, np.bool_)
_SEPARATORS[list(b" \t,;\r\n")] = True


@numba.njit(cache=True, nogil=True)
def parse_lines(data: npt.NDArray[np.uint8], numbers: npt.NDArray[np.float64]) -> int:
    """Write the numbers of lines of C columns into ``numbers`` (N, C); return the number of lines.

    -1 where a line has more or fewer numbers, more lines than N, or anything but digits, signs,
    points and separators (as an exponent): those are for a slower parser.
    """
    num_columns = numbers.shape[1]
    row = column = i = 0
    while i < len(data):
        if not _SEPARATORS[data[i]]:
            if column == num_columns or row == len(numbers):
                return -1
            numbers[row, column], i = _take_number(data, i)
            column += 1
            if i < 0:
                return -1
            continue
        if data[i] == _NEWLINE and column:
            if column != num_columns:
                return -1
            row, column = row + 1, 0
        i += 1
    if column == num_columns:  # the last line has no newline
        return row + 1
    return -1 if column else row


@numba.njit(inline="always")
def _take_number(data: npt.NDArray[np.uint8], i: int) -> tuple[float, int]:
    """Return (the number that starts at byte ``i``, where it ends); -1 where it is not plain."""
    is_negative = data[i] == _MINUS
    if is_negative or data[i] == _PLUS:
        i += 1
    mantissa = num_digits = num_after_point = 0
    has_point = False
    while i < len(data) and not _SEPARATORS[data[i]]:
        byte = data[i]
        if _ZERO <= byte <= _NINE:
            mantissa = mantissa * 10 + int(byte) - 48
            num_digits += 1
            num_after_point += has_point
        elif byte == _POINT and not has_point:
            has_point = True
        else:
            return 0.0, -1
        i += 1
    if not 0 < num_digits <= _MAX_DIGITS or (num_after_point and mantissa > _MAX_EXACT):
        return 0.0, -1
    value = mantissa / _POWERS[num_after_point] if num_after_point else float(mantissa)
    return -value if is_negative else value, i
