"""Events in a group of an HDF5 file, one dataset for each of t, x, y and p."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from events.packet import SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.chunks import Frames
from events.recordings.columns import Clock, Column, ColumnChunks, ColumnNames, clock_of
from events.recordings.hdf5_file import Hdf5File, guarded, size_of
from events.recordings.recording import RecordingError

TXYP = ColumnNames(t="t", x="x", y="y", p="p")


def group_chunks(
    file: Hdf5File,
    group: str,
    names: ColumnNames,
    clock: Clock | None = None,
    index: str = "",
    index_offset_us: int = 0,
) -> ColumnChunks:
    """Return the events of a group; rows that not all of its columns have are lost.

    Args:
        file: Closed with the chunks.
        group: Path of the group.
        names: Of its datasets.
        clock: Of its times; None is to tell it from them.
        index: Path of a dataset with the row at which each millisecond starts; may be missing.
        index_offset_us: Time of the index' first millisecond.

    Raises:
        RecordingError: A dataset is missing or cannot be read here.
    """
    columns = [file.dataset(f"{group}/{name}") for name in (names.t, names.x, names.y, names.p)]
    for column in columns:
        if column is None or column.ndim != 1:
            raise RecordingError(f"{file.path} has no four columns of events in {group}")
    lengths = [len(column) for column in columns]
    if clock is None and min(lengths):
        clock = names.clock or clock_of(_ends(columns[0]))
    readers = [guarded(column) for column in columns]

    def read(start: int, stop: int) -> tuple[Column, Column, Column, Column]:
        t, x, y, p = (reader(start, stop) for reader in readers)
        return t, x, y, p

    guess_row = _row_of(file.dataset(index) if index else None, index_offset_us)
    num_cut = max(lengths) - min(lengths)
    return ColumnChunks(min(lengths), read, clock or Clock(), file.close, guess_row, num_cut)


def open_group(
    file: Hdf5File,
    chunks: ColumnChunks,
    form: str,
    group: str,
    *,
    sensor: SensorSize | None,
    camera: str = "",
    frames: Frames | None = None,
) -> ChunkedRecording:
    """Return the recording, its sensor's size from the file, else given, else guessed."""
    size = size_of(file.get(group), file.file) or sensor
    return ChunkedRecording(file.path, chunks, form, size, name=group, camera=camera, frames=frames)


def _ends(column: Any) -> Column:
    """Return some times of a column, the first and the last among them."""
    rows = guarded(column)
    return np.concatenate([rows(0, 1024), rows(max(len(column) - 1024, 0), len(column))])


def _row_of(index: Any, offset_us: int) -> Callable[[int], int | None] | None:
    """Return the function that looks a time up in the index; None where there is none."""
    if index is None or index.ndim != 1 or not len(index):
        return None

    def row(t_us: int) -> int | None:
        try:
            return int(index[min(max((t_us - offset_us) // 1000, 0), len(index) - 1)])
        except (OSError, RuntimeError):
            return None

    return row
