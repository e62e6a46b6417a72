"""M3ED with lidar depth: a car, a legged robot and a drone before 1280x720.

Layout: ``M3ED/**/NAME_data.h5`` with ``NAME_depth_gt.h5`` beside it; ``training/data/m3ed.py`` says
what is read of them, and where pictures come from. ``NAME_pose_gt.h5`` is not needed.
Windows: of the asked length, ending at a depth map. The last fifth of each sequence is held out.
"""

from __future__ import annotations

from pathlib import Path

from training.data.m3ed import (
    LAYOUT,
    LEAD_US,
    depth,
    events,
    home_of_m3ed,
    open_files,
    pictures,
    sequences,
    split_in_time,
)
from training.data.timed import Scene, TimedSet, from_start


class M3edDepth(TimedSet):
    """Windows with metres for each pixel that the lidar reached."""

    name = "m3ed_depth"
    layout = LAYOUT

    def __init__(self, root: Path) -> None:
        home = home_of_m3ed(root)
        self.files = open_files()
        found = sequences(home, "depth_gt")
        super().__init__(
            home,
            {
                "train": [self._scene(home, data, train=True) for data in found],
                "val": [self._scene(home, data, train=False) for data in found],
            },
        )

    def _scene(self, home: Path, data: Path, *, train: bool) -> Scene:
        depth_m = depth(self.files, data)
        moments_us = from_start(depth_m.times_us, LEAD_US)
        return Scene(
            name=str(data.relative_to(home)),
            events=events(self.files, data),
            moments_us=split_in_time(moments_us, train=train),
            frames=pictures(self.files, data),
            depth_m=depth_m,
        )


dataset = M3edDepth
