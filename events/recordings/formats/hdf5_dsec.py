"""HDF5 in the layout of DSEC, which saccade writes too.

``events/t, x, y, p`` are one dataset each, times in microseconds from ``t_offset``, and
``ms_to_idx[m]`` is the first event at or after millisecond m. Source: Gehrig et al., "DSEC: A
Stereo Event Camera Dataset for Driving Scenarios", RA-L 2021; https://dsec.ifi.uzh.ch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from events.packet import SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.columns import Clock, clock_of
from events.recordings.hdf5_file import MARK, Hdf5File, Hdf5Frames, opening, text
from events.recordings.hdf5_groups import TXYP, group_chunks, open_group

NAME = "HDF5 (DSEC)"
SUFFIXES = (".h5", ".hdf5")
HAS_MARK = True


def matches(first: bytes, path: Path) -> bool:
    """Whether it is HDF5 with a group ``events`` of the four columns."""
    if not first.startswith(MARK):
        return False
    with Hdf5File(path) as file:
        group = file.group("events")
        return group is not None and {"t", "x", "y", "p"} <= set(group)


def open_(path: Path, sensor: SensorSize | None) -> ChunkedRecording:
    """Open a file; attributes width and height of it or of ``events`` say the sensor's size."""
    with opening(path) as file:
        offset_us = _offset_us(file)
        chunks = group_chunks(file, "events", TXYP, _clock(file, offset_us), "ms_to_idx", offset_us)
        camera = text(file.file.attrs.get("camera", ""))
        frames = _frames(file)
        return open_group(file, chunks, NAME, "events", sensor=sensor, camera=camera, frames=frames)


def _offset_us(file: Hdf5File) -> int:
    dataset = file.dataset("t_offset")
    value = np.zeros(1, np.int64) if dataset is None else np.asarray(dataset[()]).reshape(-1)
    return int(value[0]) if len(value) else 0


def _clock(file: Hdf5File, offset_us: int) -> Clock | None:
    """Microseconds; files of this layout by others hold seconds, which only floats can."""
    dataset = file.dataset("events/t")
    if dataset is None or dataset.dtype.kind != "f":
        return Clock(offset_us=offset_us)
    found = clock_of(np.asarray(dataset[:1024]))
    return Clock(per_unit_us=found.per_unit_us, offset_us=offset_us)


def _frames(file: Hdf5File) -> Hdf5Frames | None:
    """Return the images that saccade's own files have beside the events."""
    pixels, times = file.dataset("frames/pixels"), file.dataset("frames/t")
    if pixels is None or times is None:
        return None
    exposures, corners = file.dataset("frames/exposure_us"), file.dataset("frames/left_top")
    return Hdf5Frames(
        pixels,
        np.asarray(times[:], np.int64),
        None if exposures is None else np.asarray(exposures[:], np.int64),
        None if corners is None else np.asarray(corners[:], np.int64),
    )
