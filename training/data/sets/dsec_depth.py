"""DSEC with depth from lidar, given as disparity in the view of the left event camera.

Layout: that of DSEC with ``disparity/event/*.png`` (16 bits, a 256th of a pixel, 0 unknown) and
``disparity/timestamps.txt``. Depth is ``Q[2,3] / (Q[3,2] disparity + Q[3,3])`` with Q the matrix
``disparity_to_depth: cams_03`` of ``calibration/cam_to_cam.yaml``. Pictures are optional.
Windows: of the asked length, ending at a label.
Split: the test's disparity is not public; three drives of the training sequences are held out.
"""

from __future__ import annotations

from pathlib import Path

from events.recordings.recording import Recording
from training.data.dsec import Drive, drives, home_of_dsec, open_events, without
from training.data.open_files import OpenFiles
from training.data.timed import Scene, TimedSet, from_start

HELD_OUT = ("thun_00", "zurich_city_07", "zurich_city_10")
"""Whole drives, so that no street of theirs is trained on from the sequence before."""
LEAD_US = 250_000


class DsecDepth(TimedSet):
    """Windows with metres for each pixel that the lidar reached."""

    name = "dsec_depth"
    layout = "DSEC/train/NAME/{events/left,disparity/{event,timestamps.txt},calibration}"

    def __init__(self, root: Path) -> None:
        home = home_of_dsec(root)
        self.files = open_events()
        found = [
            drive
            for drive in drives(home, "train", "disparity")
            if drive.part("disparity", "disparity/event").is_dir()
        ]
        train = without(found, HELD_OUT)
        val = [drive for drive in found if drive not in train]
        super().__init__(
            home,
            {
                "train": [_scene(drive, self.files) for drive in train],
                "val": [_scene(drive, self.files) for drive in val],
            },
        )


def _scene(drive: Drive, files: OpenFiles[Recording]) -> Scene:
    depth_m = drive.disparity()
    return Scene(
        name=drive.name,
        events=drive.events(files),
        moments_us=from_start(depth_m.times_us, LEAD_US),
        frames=drive.frames(),
        depth_m=depth_m,
        needs=(drive.map, drive.calibration),
    )


dataset = DsecDepth
