"""HDF5 in the layout of M3ED: two Prophesee EVK4 HD, of which this reads the left one.

``prophesee/left/t, x, y, p`` in microseconds; ``ms_map_idx[m]`` is the first event at or after
millisecond m. Source: Chaney et al., "M3ED: Multi-Robot, Multi-Sensor, Multi-Environment Event
Dataset", CVPRW 2023; https://github.com/daniilidis-group/m3ed.
"""

from __future__ import annotations

from pathlib import Path

from events.packet import SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.columns import MICROSECONDS
from events.recordings.hdf5_file import MARK, Hdf5File, opening
from events.recordings.hdf5_groups import TXYP, group_chunks, open_group

NAME = "HDF5 (M3ED)"
SUFFIXES = (".h5",)
HAS_MARK = True
_SENSOR = SensorSize(1280, 720)
_SIDES = ("prophesee/left", "prophesee/right")


def matches(first: bytes, path: Path) -> bool:
    """Whether it is HDF5 with one of the two cameras."""
    if not first.startswith(MARK):
        return False
    with Hdf5File(path) as file:
        return _side(file) != ""


def open_(path: Path, sensor: SensorSize | None) -> ChunkedRecording:
    """Open the left camera, or the right one of a file without it."""
    with opening(path) as file:
        side = _side(file)
        chunks = group_chunks(file, side, TXYP, MICROSECONDS, f"{side}/ms_map_idx")
        return open_group(file, chunks, NAME, side, sensor=sensor or _SENSOR, camera="EVK4")


def _side(file: Hdf5File) -> str:
    for side in _SIDES:
        group = file.group(side)
        if group is not None and {"t", "x", "y", "p"} <= set(group):
            return side
    return ""
