"""Events in numpy arrays of any usual kind: four columns, records with fields, (N, 4) tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from events.recordings.columns import (
    ROWS_AT_ONCE,
    Clock,
    Column,
    ReadColumns,
    clock_of,
    find_names,
)
from events.recordings.recording import RecordingError
from events.recordings.tables import table_layout

Found = tuple[int, ReadColumns, Clock, int]
"""(rows, their reader, their clock, events lost since not every column has them)"""


class Rows(Protocol):
    """What is needed of an array whose rows may still be in a file."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Column: ...


def columns_of_arrays(arrays: Mapping[str, Column], path: Path) -> Found:
    """Find the events among named arrays.

    Four arrays (N,) of the usual names, else the first array that holds events alone.

    Raises:
        RecordingError: None does.
    """
    flat = {name: array for name, array in arrays.items() if array.ndim == 1}
    names = find_names(list(flat))
    if names is not None:
        t, x, y, p = (flat[name] for name in (names.t, names.x, names.y, names.p))
        lengths = [len(column) for column in (t, x, y, p)]
        if not all(column.dtype.kind in "biuf" for column in (t, x, y, p)):
            raise RecordingError(f"{path} holds columns that are not numbers")
        rows = min(lengths)
        clock = names.clock or clock_of(_ends(t[:rows]))
        read: ReadColumns = lambda a, b: (t[a:b], x[a:b], y[a:b], p[a:b])  # noqa: E731
        return rows, read, clock, max(lengths) - rows
    for array in arrays.values():
        if array.dtype.names is not None or (array.ndim == 2 and array.shape[1] == 4):
            return columns_of_array(array, path)
    held = ", ".join(f"{name} {array.shape}" for name, array in list(arrays.items())[:6])
    raise RecordingError(
        f"{path} holds no events: it needs arrays t, x, y and p, records with such fields, or an "
        f"(N, 4) table, and holds {held or 'nothing'}"
    )


def columns_of_array(array: Rows, path: Path) -> Found:
    """Find the events in one array: records with fields, or an (N, 4) table.

    Args:
        array: An array, or what reads slices of one from a file.
        path: For the message.

    Raises:
        RecordingError: It holds none.
    """
    names = find_names(array.dtype.names or ())
    if names is not None and len(array.shape) == 1:
        t, x, y, p = (names.t, names.x, names.y, names.p)
        clock = names.clock or clock_of(_ends(array)[t])

        def read_fields(a: int, b: int) -> tuple[Column, Column, Column, Column]:
            some = array[a:b]
            return some[t], some[x], some[y], some[p]

        return len(array), read_fields, clock, 0
    if len(array.shape) == 2 and array.shape[1] == 4 and array.dtype.kind in "iuf":
        layout = table_layout(array[:4096], path)
        clock = clock_of(_ends(array)[:, layout.t])
        return len(array), lambda a, b: layout.columns(array[a:b]), clock, 0
    kind = array.dtype.names or array.dtype
    raise RecordingError(
        f"{path} holds an array {array.shape} of {kind}, which is not one of events: "
        "it needs fields t, x, y and p, or four columns"
    )


def _ends(rows: Rows) -> Column:
    """Return some of an array, its first and last row among them."""
    last = max(len(rows) - 1, 0)
    return np.concatenate([rows[:ROWS_AT_ONCE], rows[last:]])
