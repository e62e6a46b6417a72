"""HDF5 in the layout of MVSEC: two DAVIS346, of which this reads the left one, with its frames.

``davis/left/events`` is (N, 4) float64: x, y, time in seconds, polarity -1 or 1; ``image_raw`` has
the frames. Source: Zhu et al., "The Multivehicle Stereo Event Camera Dataset", RA-L 2018;
https://daniilidis-group.github.io/mvsec/download/.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from events.packet import SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.columns import SECONDS, Column, ColumnChunks
from events.recordings.hdf5_file import MARK, Hdf5File, Hdf5Frames, guarded, opening
from events.recordings.hdf5_groups import open_group

NAME = "HDF5 (MVSEC)"
SUFFIXES = (".hdf5",)
HAS_MARK = True
_SENSOR = SensorSize(346, 260)
_SIDES = ("davis/left", "davis/right")


def matches(first: bytes, path: Path) -> bool:
    """Whether it is HDF5 with the (N, 4) events of one of the two cameras."""
    if not first.startswith(MARK):
        return False
    with Hdf5File(path) as file:
        return _side(file) != ""


def open_(path: Path, sensor: SensorSize | None) -> ChunkedRecording:
    """Open the left camera, or the right one of a file without it."""
    with opening(path) as file:
        side = _side(file)
        events = file.dataset(f"{side}/events")
        rows = guarded(events)

        def read(start: int, stop: int) -> tuple[Column, Column, Column, Column]:
            x, y, t, p = rows(start, stop).T
            return t, x, y, p

        chunks = ColumnChunks(len(events), read, SECONDS, file.close)
        return open_group(
            file,
            chunks,
            NAME,
            side,
            sensor=sensor or _SENSOR,
            camera="DAVIS346",
            frames=_frames(file, side),
        )


def _side(file: Hdf5File) -> str:
    for side in _SIDES:
        events = file.get(f"{side}/events")
        if events is not None and getattr(events, "shape", ())[1:] == (4,):
            return side
    return ""


def _frames(file: Hdf5File, side: str) -> Hdf5Frames | None:
    pixels, times = file.dataset(f"{side}/image_raw"), file.dataset(f"{side}/image_raw_ts")
    if pixels is None or times is None or pixels.ndim not in (3, 4):
        return None
    return Hdf5Frames(pixels, SECONDS.microseconds(np.asarray(times[:])))
