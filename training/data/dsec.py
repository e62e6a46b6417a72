"""DSEC's files: where the parts of a sequence lie, and how they are brought under one geometry.

All is placed in the rectified view of the left event camera (``camRect0``): events by
``rectify_map.h5``, pictures by the homography of the rotation between the rectified cameras,
``K_rect1 R_rect1 R_10 R_rect0^T K_rect0^-1`` (pixels of the event camera to those of the colour
camera; their distance of some centimetres is left out). Disparity and semantics are in that view.
Source: Gehrig et al., "DSEC: A Stereo Event Camera Dataset for Driving Scenarios", RA-L 2021;
https://dsec.ifi.uzh.ch/data-format, https://github.com/uzh-rpg/DSEC.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from events.packet import EventPacket, SensorSize
from events.recordings.hdf5_file import Hdf5File
from events.recordings.open import open_recording
from events.recordings.recording import Recording
from training.data.dataset import Split
from training.data.event_sources import RecordingEvents
from training.data.folder import DataError
from training.data.open_files import OpenFiles
from training.data.recorded import home_of
from training.data.tracks import DAMAGE, FileTrack, present, read_whole_numbers, text_times
from training.data.view_geometry import (
    Matrix,
    camera_matrix,
    known_depth,
    moved,
    rotation_homography,
    top_rows,
    warped,
)

LAYOUT = "DSEC/{train,test}/SEQUENCE/{events,images,disparity,calibration,semantic}"
SENSOR = SensorSize(640, 480)
LABELLED_ROWS = 440
"""Semantics reach so far down; the rest shows the car's bonnet."""
FOLDERS: dict[Split, str] = {"train": "train", "val": "test"}
CALIBRATION = "calibration/cam_to_cam.yaml"
DISPARITY_SCALE = 256
"""A disparity of one pixel in a file's 16 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """A sequence: its parts lie in one folder, or as downloaded in one for each kind of part.

    ``train/NAME/images/...`` or ``train_images/NAME/images/...``, and so on.
    """

    home: Path
    folder: str
    """``train`` or ``test``."""
    name: str

    def part(self, kind: str, *inside: str) -> Path:
        """Return where a part is, or would be first looked for.

        Args:
            kind: Of the folders as downloaded: events, images, disparity, calibration,
                semantic_segmentation.
            inside: Paths inside the sequence's folder; the first that is there is taken.
        """
        downloaded = self.home / f"{self.folder}_{kind}"
        homes = (self.home / self.folder, downloaded, downloaded / self.folder)
        paths = [home / self.name / each for home in homes for each in inside]
        return next((path for path in paths if path.exists()), paths[0])

    def events(self, files: OpenFiles[Recording], num_rows: int | None = None) -> RecordingEvents:
        """Return the left camera's events, rectified; ``num_rows`` keeps the upper ones."""
        path = self.part("events", "events/left/events.h5")
        return RecordingEvents(files, path, functools.partial(_rectified, self.map, num_rows))

    @property
    def map(self) -> Path:
        """Where the rectification is."""
        return self.part("events", "events/left/rectify_map.h5")

    @property
    def calibration(self) -> Path:
        return self.part("calibration", CALIBRATION)

    def frames(self, num_rows: int | None = None) -> FileTrack | None:
        """Return the left colour camera's pictures as the event camera would see them, if any.

        Raises:
            DataError: they have no times.
        """
        if not self._pictures.is_dir():
            return None
        times_us = text_times(self.part("images", "images/timestamps.txt"))
        paths = [self._pictures / f"{number:06d}.png" for number in range(len(times_us))]
        sensor = SensorSize(SENSOR.width, num_rows or SENSOR.height)
        return FileTrack(times_us, paths, functools.partial(_as_seen, self.calibration, sensor))

    def disparity(self) -> FileTrack:
        """Return depth, in metres, from the event cameras' disparity.

        Raises:
            DataError: there is none, or not a file for each time.
        """
        folder = present(self.part("disparity", "disparity/event"))
        times = self.part("disparity", "disparity/timestamps.txt")
        paths = one_for_each(folder, times)
        read = functools.partial(_depth_m, present(self.calibration))
        return FileTrack(text_times(times), paths, read)

    @property
    def _pictures(self) -> Path:
        return self.part("images", "images/left/rectified")


def home_of_dsec(root: Path) -> Path:
    """Return the folder of DSEC.

    Raises:
        MissingDataError: there is none.
    """
    return home_of(root, ("DSEC", "dsec", "DSEC_Semantic"), LAYOUT)


def drives(home: Path, split: Split, kind: str) -> list[Drive]:
    """Return the sequences of a split that have a folder, in order.

    Args:
        home: Folder of DSEC.
        split: ``val`` is DSEC's test.
        kind: As for ``Drive.part``.
    """
    folder = FOLDERS[split]
    downloaded = home / f"{folder}_{kind}"
    homes = (home / folder, downloaded, downloaded / folder)
    found = {each.name for place in homes if place.is_dir() for each in place.iterdir()}
    names = sorted(name for name in found - {folder} if not name.startswith("."))
    return [Drive(home=home, folder=folder, name=name) for name in names]


def one_for_each(folder: Path, times: Path) -> list[Path]:
    """Return a folder's pictures in order.

    Raises:
        DataError: there are not as many as times.
    """
    paths = sorted(folder.glob("*.png"))
    num_times = len(text_times(times))
    if len(paths) != num_times:
        raise DataError(f"{folder} holds {len(paths)} pictures, {times} {num_times} times")
    return paths


@functools.lru_cache(maxsize=16)
def rectify_map(path: Path) -> npt.NDArray[np.float32]:
    """Return (480, 640, 2) x and y of each pixel without distortion.

    Raises:
        DataError: it is not there, or something else.
    """
    with Hdf5File(present(path)) as file:
        places = file.dataset("rectify_map")
        if places is None or places.shape != (SENSOR.height, SENSOR.width, 2):
            raise DataError(f"{path} holds no rectify_map of {SENSOR} places")
        try:
            return np.asarray(places[:], np.float32)
        except DAMAGE as error:
            raise DataError(f"{path} is damaged: {error}") from None


@functools.lru_cache(maxsize=64)
def calibration_of(path: Path) -> tuple[Matrix, Matrix]:
    """Return what cam_to_cam.yaml says of the left cameras.

    Returns:
        (3, 3) map from the event camera's pixels to the colour camera's, and (4, 4) matrix from
        (x, y, disparity, 1) of the event camera to a point in metres, times its last row.

    Raises:
        DataError: the file is missing, or lacks something.
    """
    import yaml

    try:
        told: dict[str, Any] = yaml.safe_load(present(path).read_text())
        cameras, between = told["intrinsics"], told["extrinsics"]
        event, colour = (
            camera_matrix(*cameras[name]["camera_matrix"]) for name in ("camRect0", "camRect1")
        )
        to_colour = np.asarray(between["T_10"], np.float64)[:3, :3]
        rotation = np.asarray(between["R_rect1"]) @ to_colour @ np.asarray(between["R_rect0"]).T
        to_depth = np.asarray(told["disparity_to_depth"]["cams_03"], np.float64).reshape(4, 4)
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        what = str(error).splitlines()[0]
        raise DataError(f"{path} is no calibration of DSEC: {what}") from None
    return rotation_homography(colour, rotation, event), to_depth


def labels_of(path: Path) -> npt.NDArray[np.uint8]:
    """Return (440, 640) classes of a semantic picture.

    Raises:
        DataError: it has another size.
    """
    class_ids = read_whole_numbers(path)
    if class_ids.shape != (LABELLED_ROWS, SENSOR.width):
        raise DataError(f"{path} must be {SENSOR.width}x{LABELLED_ROWS}, is {class_ids.shape}")
    return class_ids.astype(np.uint8)


def open_events() -> OpenFiles[Recording]:
    """Return files of events, opened when they are read."""
    return OpenFiles(_open)


def _open(path: Path) -> Recording:
    return open_recording(present(path), SENSOR)


def _rectified(path: Path, num_rows: int | None, packet: EventPacket) -> EventPacket:
    places = moved(packet, rectify_map(path))
    return places if num_rows is None else top_rows(places, num_rows)


def _as_seen(calibration: Path, sensor: SensorSize, path: Path) -> npt.NDArray[np.uint8]:
    homography, _ = calibration_of(calibration)
    with Image.open(path) as picture:
        return warped(picture, homography, sensor)


def _depth_m(calibration: Path, path: Path) -> npt.NDArray[np.float32]:
    disparity = read_whole_numbers(path).astype(np.float32) / DISPARITY_SCALE
    _, to_depth = calibration_of(calibration)
    weight = to_depth[3, 2] * disparity + to_depth[3, 3]
    with np.errstate(divide="ignore"):
        return known_depth(np.where(disparity > 0, to_depth[2, 3] / weight, 0))


def without(found: Sequence[Drive], names: tuple[str, ...]) -> list[Drive]:
    """Return the sequences that are of none of some drives, which names begin with."""
    return [drive for drive in found if not drive.name.startswith(names)]
