"""The order of the columns of an (N, 4) table of events that does not say it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from events.recordings.columns import Column
from events.recordings.recording import RecordingError

_ORDERS = ("txyp", "xytp", "xypt")
"""Those in use: ECD and most texts; MVSEC, E2VID's arrays; N-Cars and CIFAR10-DVS as text."""
_MOST = 0.9
_MAX_COORDINATE = 32_767


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout:
    """Which column of a table is what."""

    t: int
    x: int
    y: int
    p: int

    def columns(self, rows: Column) -> tuple[Column, Column, Column, Column]:
        """Return (t, x, y, p), each (N,), of (N, C) rows."""
        return rows[:, self.t], rows[:, self.x], rows[:, self.y], rows[:, self.p]


def table_layout(rows: Column, path: Path) -> TableLayout:
    """Return the layout that some rows of a file tell.

    Of the orders t x y p, x y t p and x y p t it is one in which nine rows of ten have a polarity
    of -1, 0 or 1, whole coordinates up to 32767 and a time that does not fall; where several are
    possible, the one with fractions in its times, else the one with the largest times.

    Args:
        rows: (N, 4) the first of the table.
        path: For the message.

    Raises:
        RecordingError: No order is possible.
    """
    if not len(rows):
        return TableLayout(t=0, x=1, y=2, p=3)
    found: list[tuple[bool, float, TableLayout]] = []
    for order in _ORDERS:
        t, x, y, p = (rows[:, order.index(name)] for name in "txyp")
        if _is_polarity(p) and _is_coordinate(x) and _is_coordinate(y) and _is_time(t):
            has_fractions = bool((t != np.floor(t)).any())
            layout = TableLayout(**{name: order.index(name) for name in "txyp"})
            found.append((has_fractions, float(t[-1]), layout))
    if not found:
        raise RecordingError(
            f"{path} holds a table, but its columns are not those of events: "
            "they must be t x y p, x y t p or x y p t, in order of time, p of -1, 0 or 1"
        )
    return max(found, key=lambda each: each[:2])[2]


def _is_polarity(column: Column) -> bool:
    return _most((column == 0) | (column == 1) | (column == -1))


def _is_coordinate(column: Column) -> bool:
    return _most((column >= 0) & (column <= _MAX_COORDINATE) & (column == np.floor(column)))


def _is_time(column: Column) -> bool:
    return bool(np.isfinite(column).all()) and _most(np.diff(column) >= 0)


def _most(is_so: Column) -> bool:
    return len(is_so) == 0 or float(is_so.mean()) >= _MOST
