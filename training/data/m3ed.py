"""M3ED's files: left event camera, colour pictures, depth and semantics of one sequence.

``NAME_data.h5`` has ``prophesee/left`` and ``ovc/rgb/data`` with ``ovc/ts``; ``NAME_depth_gt.h5``
``depth/prophesee/left`` (metres, no number where unknown) with ``ts``; ``NAME_semantics.h5``
``predictions`` (Cityscapes' 19 classes as InternImage says them, 255 outside the picture) and
``warped_image`` with ``ts``, both in the view of the event camera. All times are microseconds of
one clock. Colours are stored blue first, as the set's own tools write them into videos.
Pictures are ``warped_image``, or without that file ``ovc/rgb`` by the homography of the rotation
``T_to_prophesee_left`` (the lenses' distortion and the cameras' distance are left out).
Source: Chaney et al., "M3ED", CVPRW 2023; https://m3ed.io, https://github.com/daniilidis-group/m3ed.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from events.packet import SensorSize
from events.recordings.columns import MICROSECONDS
from events.recordings.hdf5_file import Hdf5File
from events.recordings.open import open_recording
from events.recordings.recording import Recording
from training.data.event_sources import RecordingEvents
from training.data.folder import DataError
from training.data.open_files import OpenFiles
from training.data.recorded import TRAIN_SHARE, home_of
from training.data.timed import Scene, TimedSet, from_start
from training.data.tracks import DAMAGE, Hdf5Track, Picture, Times, hdf5_times, present
from training.data.view_geometry import (
    Matrix,
    camera_matrix,
    known_depth,
    rotation_homography,
    warped,
)

LAYOUT = "M3ED/**/NAME_data.h5 with NAME_depth_gt.h5 or NAME_semantics.h5 beside it"
SENSOR = SensorSize(1280, 720)
LABELS = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign",
    "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle",
    "bicycle",
)  # fmt: skip
LEAD_US = 250_000
"""Windows end so long after a sequence's first time, that all events of theirs were recorded."""


@dataclass(frozen=True, kw_only=True)
class Files:
    """The files of all sequences, opened when they are read."""

    recordings: OpenFiles[Recording]
    arrays: OpenFiles[Hdf5File]


def open_files() -> Files:
    """Return files of which none is open."""
    return Files(recordings=OpenFiles(_open), arrays=OpenFiles(Hdf5File))


def home_of_m3ed(root: Path) -> Path:
    """Return the folder of M3ED.

    Raises:
        MissingDataError: there is none.
    """
    return home_of(root, ("M3ED", "m3ed"), LAYOUT)


def sequences(home: Path, ending: str) -> list[Path]:
    """Return the ``_data.h5`` files beside which there is one with another ending, in order."""
    return [
        path for path in sorted(home.rglob("*_data.h5")) if beside(path, ending).is_file()
    ]  # fmt: skip


def beside(data: Path, ending: str) -> Path:
    """Return where the sequence's file with another ending is."""
    return data.with_name(f"{data.name.removesuffix('_data.h5')}_{ending}.h5")


def events(files: Files, data: Path) -> RecordingEvents:
    """Return the left event camera's events."""
    return RecordingEvents(files.recordings, data)


def pictures(files: Files, data: Path) -> Hdf5Track:
    """Return the colour camera's pictures as the event camera would see them."""
    semantics = beside(data, "semantics")
    if semantics.is_file():
        times_us = hdf5_times(semantics, "ts", MICROSECONDS)
        return Hdf5Track(files.arrays, semantics, "warped_image", times_us, _as_rgb)
    times_us = hdf5_times(data, "ovc/ts", MICROSECONDS)
    seen = functools.partial(_as_seen, data)
    return Hdf5Track(files.arrays, data, "ovc/rgb/data", times_us, seen)


def depth(files: Files, data: Path) -> Hdf5Track:
    """Return the lidar's depth in the view of the left event camera."""
    path = beside(data, "depth_gt")
    times_us = hdf5_times(path, "ts", MICROSECONDS)
    return Hdf5Track(files.arrays, path, "depth/prophesee/left", times_us, known_depth)


def classes(files: Files, data: Path) -> Hdf5Track:
    """Return what InternImage says of the pictures."""
    path = beside(data, "semantics")
    times_us = hdf5_times(path, "ts", MICROSECONDS)
    return Hdf5Track(files.arrays, path, "predictions", times_us, _class_ids)


class M3edScenes(TimedSet):
    """Windows that end at the labels beside each recording; its last fifth is held out."""

    layout = LAYOUT
    known: Literal["class_ids", "depth_m"]
    """What the labels are."""

    def __init__(self, root: Path) -> None:
        home = home_of_m3ed(root)
        self.files = open_files()
        found = sequences(home, "semantics" if self.known == "class_ids" else "depth_gt")
        super().__init__(
            home,
            {
                "train": [self._scene(home, data, train=True) for data in found],
                "val": [self._scene(home, data, train=False) for data in found],
            },
        )

    def _scene(self, home: Path, data: Path, *, train: bool) -> Scene:
        has_classes = self.known == "class_ids"
        labels = classes(self.files, data) if has_classes else depth(self.files, data)
        moments_us = from_start(labels.times_us, LEAD_US)
        return Scene(
            name=str(data.relative_to(home)),
            events=events(self.files, data),
            moments_us=split_in_time(moments_us, train=train),
            frames=pictures(self.files, data),
            class_ids=labels if has_classes else None,
            depth_m=None if has_classes else labels,
        )


def split_in_time(times_us: Times, *, train: bool) -> Times:
    """Return the first four fifths of a sequence's times, or the rest: the set has no split."""
    num_train = round(TRAIN_SHARE * len(times_us))
    return times_us[:num_train] if train else times_us[num_train:]


@functools.lru_cache(maxsize=64)
def homography_of(data: Path) -> Matrix:
    """Return (3, 3): the event camera's pixels to those of the colour camera.

    Raises:
        DataError: the calibration is not there.
    """
    with Hdf5File(data) as file:
        try:
            event, colour = (
                camera_matrix(*np.asarray(file.file[f"{name}/calib/intrinsics"][:], np.float64))
                for name in ("prophesee/left", "ovc/rgb")
            )
            to_event = np.asarray(file.file["ovc/rgb/calib/T_to_prophesee_left"][:], np.float64)
        except DAMAGE as error:
            raise DataError(f"{data} has no calibration: {str(error).splitlines()[0]}") from None
    return rotation_homography(colour, to_event[:3, :3].T, event)


def _open(path: Path) -> Recording:
    return open_recording(present(path), SENSOR)


def _as_rgb(pixels: Picture) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(np.asarray(pixels, np.uint8)[:, :, ::-1])


def _as_seen(data: Path, pixels: Picture) -> npt.NDArray[np.uint8]:
    return warped(Image.fromarray(_as_rgb(pixels)), homography_of(data), SENSOR)


def _class_ids(values: Picture) -> npt.NDArray[np.uint8]:
    return np.asarray(values, np.uint8).reshape(values.shape[:2])
