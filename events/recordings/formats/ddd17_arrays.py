"""Events as two bare arrays, as DDD17's are published beside Ev-SegNet's labels.

``NAME.dat.t`` holds int64 times, ``NAME.dat.xyp`` beside it int16 triples of column, row and
polarity, 0 or 1. Source: https://github.com/uzh-rpg/ess; the camera is a DAVIS346.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from events.packet import SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.columns import Clock, Column, ColumnChunks, clock_of
from events.recordings.recording import RecordingError

NAME = "DDD17 (dat.t and dat.xyp)"
SUFFIXES = (".t",)
HAS_MARK = False
_SENSOR = SensorSize(346, 260)
_ENDING = ".dat.t"
_TIME_BYTES, _PLACE_BYTES = 8, 6


def matches(first: bytes, path: Path) -> bool:
    """Whether the name is that of such times."""
    return path.name.endswith(_ENDING)


def open_(path: Path, sensor: SensorSize | None) -> ChunkedRecording:
    """Open the two files; whether times are nano- or microseconds is told from them."""
    return open_arrays(path, sensor)


def open_arrays(
    path: Path, sensor: SensorSize | None = None, clock: Clock | None = None
) -> ChunkedRecording:
    """Open the two files; rows are read from them as they are asked for.

    Args:
        path: Of the times.
        sensor: None is DDD17's.
        clock: Of the times; None is to tell it from them.

    Raises:
        RecordingError: one of the files is missing or empty.
    """
    places = path.with_suffix(".xyp")
    num_rows = [_num_rows(path, _TIME_BYTES), _num_rows(places, _PLACE_BYTES)]
    if not min(num_rows):
        short = path if not num_rows[0] else places
        raise RecordingError(f"{short} holds not one event: nothing was recorded into it")

    def read(start: int, stop: int) -> tuple[Column, Column, Column, Column]:
        t = np.fromfile(path, "<i8", stop - start, offset=start * _TIME_BYTES)
        triples = np.fromfile(places, "<i2", 3 * (stop - start), offset=start * _PLACE_BYTES)
        if len(t) < stop - start or len(triples) < 3 * (stop - start):
            raise OSError("cut short since it was opened")
        x, y, p = triples.reshape(-1, 3).T
        return t, x, y, p

    if clock is None:
        last = min(num_rows)
        clock = clock_of(np.concatenate([read(0, 1)[0], read(last - 1, last)[0]]))
    num_cut = max(num_rows) - min(num_rows)
    chunks = ColumnChunks(min(num_rows), read, clock, lambda: None, num_cut=num_cut)
    return ChunkedRecording(path, chunks, NAME, sensor or _SENSOR, camera="DAVIS346")


def _num_rows(path: Path, row_bytes: int) -> int:
    if not path.is_file():
        raise RecordingError(f"{path} is missing: events are in two files, .dat.t and .dat.xyp")
    return path.stat().st_size // row_bytes
