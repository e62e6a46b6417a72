"""HDF5 in the layout of Prophesee's Metavision: one compound dataset, ``CD/events``.

Files from their software are compressed with their own ECF codec, which needs their plugin.
Source: https://docs.prophesee.ai/stable/data/file_formats/hdf5.html.
"""

from __future__ import annotations

from pathlib import Path

from events.packet import SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.columns import MICROSECONDS, Column, ColumnChunks
from events.recordings.hdf5_file import MARK, Hdf5File, guarded, opening, text
from events.recordings.hdf5_groups import open_group
from events.recordings.recording import RecordingError

NAME = "HDF5 (Metavision)"
SUFFIXES = (".hdf5", ".h5")
HAS_MARK = True
_EVENTS = "CD/events"


def matches(first: bytes, path: Path) -> bool:
    """Whether it is HDF5 with change detection events."""
    if not first.startswith(MARK):
        return False
    with Hdf5File(path) as file:
        dtype = getattr(file.get(_EVENTS), "dtype", None)
        return dtype is not None and set("txyp") <= set(dtype.names or ())


def open_(path: Path, sensor: SensorSize | None) -> ChunkedRecording:
    """Open a file; its attribute ``geometry`` says the sensor's size."""
    with opening(path) as file:
        events = file.dataset(_EVENTS)
        if events is None or events.ndim != 1:
            raise RecordingError(f"{path} has no row of events in {_EVENTS}")
        rows = guarded(events)

        def read(start: int, stop: int) -> tuple[Column, Column, Column, Column]:
            found = rows(start, stop)
            return found["t"], found["x"], found["y"], found["p"]

        chunks = ColumnChunks(len(events), read, MICROSECONDS, file.close)
        camera = text(file.file.attrs.get("serial_number", ""))
        return open_group(file, chunks, NAME, "CD", sensor=sensor, camera=camera)
