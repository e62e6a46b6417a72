"""DSEC as image-event pairs: 53 drives, 640x480 events beside colour pictures at 20 Hz.

Layout: ``DSEC/{train,test}/NAME/`` with ``events/left/{events,rectify_map}.h5``,
``images/left/rectified/*.png``, ``images/timestamps.txt`` and ``calibration/cam_to_cam.yaml``; or
the same under ``train_events/NAME``, ``train_images/NAME`` and so on, as downloaded.
Windows: one for each picture, from the midpoint with the picture before to that with the one after
(GEP, arXiv 2603.23032). ``image`` is the picture amid the window, ``previous`` the one before;
both, and the events, as ``training/data/dsec.py`` says. Split: train and test are the set's own.
"""

from __future__ import annotations

from pathlib import Path

from events.recordings.recording import Recording
from training.data.dsec import Drive, drives, home_of_dsec, open_events
from training.data.open_files import OpenFiles
from training.data.recorded import SPLITS
from training.data.timed import Scene, TimedSet, between_midpoints
from training.data.tracks import FileTrack


class Dsec(TimedSet):
    """Windows around pictures."""

    name = "dsec"
    layout = "DSEC/{train,test}/NAME/{events/left,images/left/rectified,calibration}"

    def __init__(self, root: Path) -> None:
        home = home_of_dsec(root)
        self.files = open_events()
        super().__init__(
            home,
            {
                split: [
                    _scene(drive, frames, self.files)
                    for drive in drives(home, split, "images")
                    if (frames := drive.frames()) is not None
                ]
                for split in SPLITS
            },
        )


def _scene(drive: Drive, frames: FileTrack, files: OpenFiles[Recording]) -> Scene:
    return Scene(
        name=drive.name,
        events=drive.events(files),
        moments_us=frames.times_us[1:-1],
        spans_us=between_midpoints(frames.times_us),
        frames=frames,
        needs=(drive.map, drive.calibration),
    )


dataset = Dsec
