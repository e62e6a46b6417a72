"""EventScape: driving through CARLA's towns with pictures, depth and classes, 512x256.

Layout: ``EventScape/**/sequence_N/`` with ``events/data/*_NNNN_events.npz`` (x, y, t, p),
``rgb/data/*_NNNN_image.png``, ``depth/data/*_NNNN_depth.npy`` in metres and
``semantic/data/*_NNNN_gt_labelIds.png``, of which the last three may lack, and
``events/data/timestamps.txt`` (number and seconds a line). The files of one number end at its time.
Times of events may be seconds, milli-, micro- or nanoseconds: the unit by which a file's last event
is nearest to its time is taken. Classes are CARLA's tags, in the red channel or in all. CARLA's
horizon, 1 km, is unknown depth.
Windows: one for each picture, from the picture before to it.
Split: by town, as published: Town05 is held out (``Town05_val`` and ``Town05_test``).
Source: Gehrig et al., "Combining Events and Frames using Recurrent Asynchronous Multimodal
Networks", RA-L 2021; https://github.com/uzh-rpg/rpg_ramnet.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from events.packet import SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.columns import Clock, Column, ColumnChunks
from events.recordings.recording import Recording
from models.heads.segmentation import UNKNOWN
from training.data.event_sources import WindowFiles
from training.data.folder import DataError
from training.data.recorded import home_of
from training.data.timed import Scene, TimedSet
from training.data.tracks import (
    DAMAGE,
    FileTrack,
    Picture,
    present,
    read_rgb,
    read_whole_numbers,
)
from training.data.view_geometry import known_depth

LABELS = (
    "unlabeled", "building", "fence", "other", "pedestrian", "pole", "road line", "road",
    "sidewalk", "vegetation", "vehicle", "wall", "traffic sign",
)  # fmt: skip
"""CARLA's tags 0 to 12; 0 counts as unknown."""
SENSOR = SensorSize(512, 256)
HORIZON_M = 999.0
HELD_OUT = "Town05"
UNITS = (1e6, 1e3, 1.0, 1e-3)
"""Microseconds in what a time may be counted in."""


class EventScape(TimedSet):
    """Windows with metres and a class for each pixel."""

    name = "eventscape"
    layout = "EventScape/**/TownNN*/**/sequence_N/{events,rgb,depth,semantic}/data"
    segmentation_labels = LABELS

    def __init__(self, root: Path) -> None:
        home = home_of(root, ("EventScape", "eventscape"), self.layout)
        places = sorted({*home.glob("*/sequence_*"), *home.glob("*/*/sequence_*")})
        found = [each for each in places if (each / "events/data").is_dir()]
        held_out = [each for each in found if HELD_OUT in str(each.relative_to(home))]
        train = [each for each in found if each not in held_out]
        super().__init__(
            home,
            {
                "train": [_scene(home, each) for each in train],
                "val": [_scene(home, each) for each in held_out],
            },
        )


def _scene(home: Path, folder: Path) -> Scene:
    stamps = _stamps(folder / "events/data/timestamps.txt")
    events = _numbered(folder / "events/data", "npz")
    numbers = [number for number in sorted(stamps) if number - 1 in stamps and number in events]
    ends_us = np.array([stamps[number] for number in numbers], np.int64)
    starts_us = np.array([stamps[number - 1] for number in numbers], np.int64)
    return Scene(
        name=str(folder.relative_to(home)),
        events=WindowFiles([events[number] for number in numbers], ends_us, open_events),
        moments_us=ends_us,
        # An event at the very time of a picture is of the step that ends there.
        spans_us=np.stack([starts_us, ends_us], 1).reshape(-1, 2) + 1,
        frames=_track(folder / "rgb/data", "png", stamps, read_rgb),
        class_ids=_track(folder / "semantic/data", "png", stamps, _labels),
        depth_m=_track(folder / "depth/data", "npy", stamps, read_depth),
        needs=(folder / "events/data/timestamps.txt",),
    )


def _track(
    folder: Path, suffix: str, stamps: dict[int, int], decode: Callable[[Path], Picture]
) -> FileTrack | None:
    found = _numbered(folder, suffix)
    numbers = sorted(number for number in found if number in stamps)
    if not numbers:
        return None
    times_us = np.array([stamps[number] for number in numbers], np.int64)
    return FileTrack(times_us, [found[number] for number in numbers], decode)


def _numbered(folder: Path, suffix: str) -> dict[int, Path]:
    """Return the files of a folder by the number in their name."""
    found: dict[int, Path] = {}
    if folder.is_dir():
        for path in sorted(folder.glob(f"*.{suffix}")):
            digits = re.findall(r"(?:^|_)(\d{4,})(?=_|$)", path.stem)
            if digits:
                found[int(digits[-1])] = path
    return found


def _stamps(path: Path) -> dict[int, int]:
    """Return the microseconds of each number."""
    try:
        rows = np.loadtxt(present(path), np.float64, ndmin=2)
        return {int(row[0]): round(row[1] * 1e6) for row in rows}
    except (ValueError, IndexError) as error:
        raise DataError(f"{path} must hold a number and seconds a line: {error}") from None


def open_events(path: Path, end_us: int) -> Recording:
    """Open the events of one picture.

    Raises:
        DataError: the file is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            t, x, y, p = (np.asarray(arrays[name]).reshape(-1) for name in "txyp")
    except DAMAGE as error:
        raise DataError(f"{path} is damaged: {str(error).splitlines()[0]}") from None

    def read(start: int, stop: int) -> tuple[Column, Column, Column, Column]:
        return t[start:stop], x[start:stop], y[start:stop], p[start:stop]

    lengths = [len(t), len(x), len(y), len(p)]
    num_cut = max(lengths) - min(lengths)
    clock = _clock(t, end_us)
    chunks = ColumnChunks(min(lengths), read, clock, lambda: None, num_cut=num_cut)
    return ChunkedRecording(path, chunks, "EventScape", SENSOR)


def _clock(t: Column, end_us: int) -> Clock:
    last = float(t[-1]) if len(t) else 0.0
    return Clock(per_unit_us=min(UNITS, key=lambda unit: abs(last * unit - end_us)))


def read_depth(path: Path) -> npt.NDArray[np.float32]:
    """Return (H, W) metres, 0 where there is only sky."""
    values = np.load(path, allow_pickle=False)
    return known_depth(values.reshape(values.shape[:2]), HORIZON_M)


def _labels(path: Path) -> npt.NDArray[np.uint8]:
    values = read_whole_numbers(path)
    tags = values if values.ndim == 2 else values[:, :, :3].max(2)
    is_known = (tags > 0) & (tags < len(LABELS))
    return np.where(is_known, tags, UNKNOWN).astype(np.uint8)


dataset = EventScape
