"""Columns: events stored as arrays of times, coordinates and polarities, read in chunks of rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from events.packet import EVENT_DTYPE, EventArray
from events.recordings.chunks import LAST_US, NO_EVENTS, Chunk, Chunks
from events.recordings.recording import Damage

ROWS_AT_ONCE = 1 << 16
"""Rows of a chunk: 1 MiB of events."""
_OUTSIDE = 65_535
"""A coordinate that no sensor has, for those that do not fit 16 bits."""
_NAMES = {
    "t": r"(?:t|ts|time|times|timestamps?)(?:[_ \[(]+(s|sec|ms|us|µs|ns)[\])]?)?",
    "x": r"xs?|x_?pos|x_?coords?|cols?|columns?",
    "y": r"ys?|y_?pos|y_?coords?|rows?",
    "p": r"ps?|pol|polarity|polarities|on",
}
_CLOCKS = {"s": 1e6, "sec": 1e6, "ms": 1e3, "us": 1.0, "µs": 1.0, "ns": 1e-3}

Column = npt.NDArray[Any]
ReadColumns = Callable[[int, int], tuple[Column, Column, Column, Column]]
"""Returns (t, x, y, p) of the rows [start, stop), each (N,) of any numeric type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How a column of times becomes int64 microseconds: ``t * per_unit_us + offset_us``."""

    per_unit_us: float = 1.0
    """Microseconds in one unit: 1 for microseconds, 1e6 for seconds, 1e-3 for nanoseconds."""
    offset_us: int = 0
    """Added, in microseconds."""

    def microseconds(self, t: Column) -> npt.NDArray[np.int64]:
        """Return (N,) times; what is no number becomes a time before all others."""
        if t.dtype.kind == "f":
            with np.errstate(over="ignore"):
                scaled = np.rint(t.astype(np.float64, copy=False) * self.per_unit_us)
            is_time = np.abs(scaled) < LAST_US  # False for NaN
            whole = np.where(is_time, scaled, -LAST_US).astype(np.int64)
        elif self.per_unit_us >= 1:
            whole = t.astype(np.int64) * int(self.per_unit_us)
        else:
            whole = t.astype(np.int64) // round(1 / self.per_unit_us)
        return whole + self.offset_us


SECONDS = Clock(per_unit_us=1e6)
MICROSECONDS = Clock()
NANOSECONDS = Clock(per_unit_us=1e-3)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnNames:
    """Which of the names in a file are those of events, and the unit in the name of the time."""

    t: str
    x: str
    y: str
    p: str
    clock: Clock | None = None
    """None where the name does not say the unit: see ``clock_of``."""


def find_names(names: Iterable[str]) -> ColumnNames | None:
    """Return the names of an event's columns in any usual spelling; None where one lacks."""
    found: dict[str, str] = {}
    clock = None
    for name in names:
        for field, pattern in _NAMES.items():
            match = re.fullmatch(pattern, name.strip().strip("#\"' "), re.IGNORECASE)
            if match and field not in found:
                found[field] = name
                if field == "t" and match[1]:
                    clock = Clock(per_unit_us=_CLOCKS[match[1].lower()])
    return ColumnNames(**found, clock=clock) if len(found) == len(_NAMES) else None


def clock_of(t: Column) -> Clock:
    """Return the clock of a column that does not say its unit.

    Whole numbers are microseconds, or nanoseconds where the first is above 1e17 (as Unix time: in
    microseconds that were the year 5138). Floats are seconds, but count as whole numbers where the
    last is above 1e11 (the same year), or above 1e5 and all are whole and not all the same.

    Args:
        t: (N,) some of the column, the first and the last among them.
    """
    known = t[np.isfinite(t)]
    if len(known) == 0:
        return MICROSECONDS
    if t.dtype.kind == "f":
        is_whole = bool((known == np.floor(known)).all()) and known.min() < known.max()
        if known.max() <= (1e5 if is_whole else 1e11):
            return SECONDS
    return NANOSECONDS if known[0] > 10**17 else MICROSECONDS


def events_of_columns(t: npt.NDArray[np.int64], x: Column, y: Column, p: Column) -> EventArray:
    """Return (N,) events; coordinates that fit no sensor become 65535, polarities 0 or 1.

    Args:
        t: (N,) microseconds.
        x: (N,) columns in pixels; of floats the nearest.
        y: (N,) rows in pixels.
        p: (N,) polarity: positive is brighter, so that 0/1, -1/1, bools and floats all do.
    """
    events: Any = np.zeros(len(t), EVENT_DTYPE)
    events["t"], events["x"], events["y"] = t, _coordinate(x), _coordinate(y)
    events["p"] = p > 0 if p.dtype.kind != "b" else p
    made: EventArray = events
    return made


def _coordinate(column: Column) -> npt.NDArray[np.uint16]:
    if column.dtype.kind == "b" or column.dtype in (np.uint8, np.uint16):
        return column.astype(np.uint16, copy=False)
    if column.dtype.kind == "f":
        column = np.rint(np.where(np.isfinite(column), column, -1))
    fits = (column >= 0) & (column <= _OUTSIDE)
    return np.where(fits, column, _OUTSIDE).astype(np.uint16)


class ColumnChunks(Chunks):
    """Columns as Chunks.

    Args:
        num_events: Rows.
        read_columns: Reads some of them; may raise OSError or ValueError where they are damaged.
        clock: Of the times.
        close: Called once when all is read.
        guess_row: Row near which a time in microseconds lies, by the file's own index.
        num_cut: Events of which a part is missing, so that they are no rows.
    """

    def __init__(
        self,
        num_events: int,
        read_columns: ReadColumns,
        clock: Clock,
        close: Callable[[], None],
        guess_row: Callable[[int], int | None] | None = None,
        num_cut: int = 0,
    ) -> None:
        self._num_events, self._read_columns, self._clock = num_events, read_columns, clock
        self._close, self._guess_row, self._num_cut = close, guess_row, num_cut

    def __len__(self) -> int:
        return -(-self._num_events // ROWS_AT_ONCE)

    @property
    def damage(self) -> Damage:
        """Events of which a part is missing."""
        return Damage(lost_events=self._num_cut)

    def read(self, number: int) -> Chunk:
        """Return ROWS_AT_ONCE events, fewer at the end."""
        start = number * ROWS_AT_ONCE
        stop = min(start + ROWS_AT_ONCE, self._num_events)
        try:
            return Chunk(events=self.rows(start, stop))
        except (OSError, ValueError):
            return Chunk(events=NO_EVENTS, num_lost=stop - start, is_damaged=True)

    def rows(self, start: int, stop: int) -> EventArray:
        """Return the events of the rows [start, stop), unchecked."""
        t, x, y, p = self._read_columns(start, stop)
        return events_of_columns(self._clock.microseconds(t), x, y, p)

    def first_us(self, number: int) -> int | None:
        """Return the time in a chunk's first row; None where it is damaged."""
        try:
            events = self.rows(number * ROWS_AT_ONCE, number * ROWS_AT_ONCE + 1)
        except (OSError, ValueError):
            return None
        return int(events["t"][0]) if len(events) else None

    def guess(self, t_us: int) -> int | None:
        """Return the chunk of the row that the index names."""
        row = None if self._guess_row is None else self._guess_row(t_us)
        return None if row is None else max(row, 0) // ROWS_AT_ONCE

    def close(self) -> None:
        self._close()
