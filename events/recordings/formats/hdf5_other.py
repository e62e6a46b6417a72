"""HDF5 in any other layout that has events as columns of usual names, or as (N, 4) ``events``.

Known of this kind are the files of event_utils (``events/ts, xs, ys, ps``, in seconds) and v2e
(``events`` (N, 4): t in microseconds, x, y, p).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from events.packet import SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.columns import ColumnChunks, ColumnNames, clock_of, find_names
from events.recordings.hdf5_file import MARK, Hdf5File, guarded, opening
from events.recordings.hdf5_groups import group_chunks, open_group
from events.recordings.recording import RecordingError
from events.recordings.tables import table_layout

NAME = "HDF5"
SUFFIXES = (".h5", ".hdf5")
HAS_MARK = False
"""It has one, but the layouts with a name of their own are asked before."""
_MAX_NAMED = 6


def matches(first: bytes, path: Path) -> bool:
    """Whether it is HDF5."""
    return first.startswith(MARK)


def open_(path: Path, sensor: SensorSize | None) -> ChunkedRecording:
    """Open a file.

    Raises:
        RecordingError: It holds no events that we find; the message says what it holds.
    """
    with opening(path) as file:
        found = _find_columns(file)
        if found is not None:
            chunks = group_chunks(file, *found)
            return open_group(file, chunks, NAME, found[0] or "events", sensor=sensor)
        table = file.dataset("events")
        if table is not None and table.ndim == 2 and table.shape[1] == 4:
            rows = guarded(table)
            some = np.concatenate([rows(0, 4096), rows(max(len(table) - 4096, 0), len(table))])
            layout = table_layout(some[:4096], path)
            clock = clock_of(some[:, layout.t])
            chunks = ColumnChunks(
                len(table), lambda a, b: layout.columns(rows(a, b)), clock, file.close
            )
            return open_group(file, chunks, NAME, "events", sensor=sensor)
        held = list(file.file)
        names = ", ".join(held[:_MAX_NAMED]) + (" and more" if len(held) > _MAX_NAMED else "")
        raise RecordingError(
            f"{path} holds no events in a layout that we know (DSEC, Metavision, MVSEC, M3ED, "
            f"or columns t, x, y, p); it holds {names or 'nothing'}"
        )


def _find_columns(file: Hdf5File) -> tuple[str, ColumnNames] | None:
    """Return the first group, from the root down, that has the columns of events."""
    groups = [""]

    def note(name: str, item: Any) -> None:
        if file.group(name) is not None:
            groups.append(name)

    file.file.visititems(note)
    for group in groups:
        names = find_names(list(file.group(group)))
        if names is not None:
            return group, names
    return None
