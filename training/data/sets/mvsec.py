"""MVSEC: driving by day and night with lidar depth, before a DAVIS346 with grey pictures.

Layout: ``NAME_data.hdf5`` and ``NAME_gt.hdf5`` at any depth of ``MVSEC/``. Of the left camera are
read ``davis/left/events`` and ``image_raw`` of the first and ``depth_image_raw`` of the second,
each with its ``_ts`` in seconds; ``raw`` is the view as distorted by the lens, which is what the
events have (``depth_image_rect`` would need events rectified by the calibration's maps). No number
is unknown.
Windows: between successive depth maps, 50 ms (GEP, arXiv 2603.23032).
Split: E2Depth's (arXiv 2010.08350), trained on outdoor_day2, tested on day1 and night1 to 3.
Source: Zhu et al., "The Multivehicle Stereo Event Camera Dataset", RA-L 2018;
https://daniilidis-group.github.io/mvsec/download.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from events.packet import SensorSize
from events.recordings.columns import SECONDS
from events.recordings.hdf5_file import Hdf5File
from events.recordings.open import open_recording
from events.recordings.recording import Recording
from training.data.dataset import Split
from training.data.event_sources import RecordingEvents
from training.data.folder import DataError
from training.data.open_files import OpenFiles
from training.data.recorded import home_of
from training.data.timed import LONGEST_US, Scene, TimedSet, between_neighbours
from training.data.tracks import Hdf5Track, Picture, hdf5_times, present
from training.data.view_geometry import known_depth

SENSOR = SensorSize(346, 260)
SEQUENCES: dict[Split, tuple[str, ...]] = {
    "train": ("outdoor_day2",),
    "val": ("outdoor_day1", "outdoor_night1", "outdoor_night2", "outdoor_night3"),
}
SIDE = "davis/left"


class Mvsec(TimedSet):
    """Windows with metres for each pixel that the lidar reached."""

    name = "mvsec"
    layout = "MVSEC/**/outdoor_{day1,day2,night1,night2,night3}_{data,gt}.hdf5"

    def __init__(self, root: Path) -> None:
        home = home_of(root, ("MVSEC", "mvsec"), self.layout)
        self.recordings = OpenFiles(_open)
        self.arrays = OpenFiles(Hdf5File)
        found = {path.name.removesuffix("_gt.hdf5"): path for path in home.rglob("*_gt.hdf5")}
        super().__init__(
            home,
            {
                split: [self._scene(name, found[name]) for name in names if name in found]
                for split, names in SEQUENCES.items()
            },
        )

    def _scene(self, name: str, truth: Path) -> Scene:
        path = truth.with_name(f"{name}_data.hdf5")
        times_us = hdf5_times(truth, f"{SIDE}/depth_image_raw_ts", SECONDS)
        shot_us = hdf5_times(path, f"{SIDE}/image_raw_ts", SECONDS)
        spans_us = between_neighbours(times_us)
        length_us = spans_us[:, 1] - spans_us[:, 0]
        is_whole = (length_us > 0) & (length_us <= LONGEST_US)
        return Scene(
            name=name,
            events=RecordingEvents(self.recordings, path),
            moments_us=times_us[1:][is_whole],
            spans_us=spans_us[is_whole],
            frames=Hdf5Track(self.arrays, path, f"{SIDE}/image_raw", shot_us, grey_as_rgb),
            depth_m=Hdf5Track(self.arrays, truth, f"{SIDE}/depth_image_raw", times_us, _depth_m),
        )


def grey_as_rgb(pixels: Picture) -> npt.NDArray[np.uint8]:
    """Return (H, W) grey, or (H, W, 1), as (H, W, 3) RGB."""
    return np.repeat(pixels.reshape(*pixels.shape[:2], 1).astype(np.uint8), 3, axis=2)


def _open(path: Path) -> Recording:
    return open_recording(present(path), SENSOR)


def _depth_m(values: Picture) -> npt.NDArray[np.float32]:
    if values.shape != (SENSOR.height, SENSOR.width):
        raise DataError(f"a depth map of MVSEC must be {SENSOR}, is {values.shape}")
    return known_depth(values)


dataset = Mvsec
