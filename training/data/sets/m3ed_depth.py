"""M3ED with lidar depth: a car, a legged robot and a drone before 1280x720.

Layout: ``M3ED/**/NAME_data.h5`` with ``NAME_depth_gt.h5`` beside it; ``training/data/m3ed.py`` says
what is read of them, and where pictures come from. ``NAME_pose_gt.h5`` is not needed.
Windows: of the asked length, ending at a depth map. The last fifth of each sequence is held out.
"""

from __future__ import annotations

from training.data.m3ed import M3edScenes


class M3edDepth(M3edScenes):
    """Windows with metres for each pixel that the lidar reached."""

    name = "m3ed_depth"
    known = "depth_m"


dataset = M3edDepth
