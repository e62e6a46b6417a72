"""ASL-DVS: 24 letters of American Sign Language, 4,200 of each, before a DAVIS240C.

Layout: ``ASL-DVS/<letter>/<letter>_NNNN.mat``; no j and z, which are movements.
Windows: the whole recording, 0.1 s. Split: 80/20, as in the paper.
Source: Bi et al., "Graph-Based Object Classification for Neuromorphic Vision Sensing", ICCV 2019,
arXiv 1908.06648.
"""

from __future__ import annotations

from pathlib import Path

from events.packet import SensorSize
from training.data.recorded import RecordedSet, eighty_twenty, home_of, in_class_folders


class AslDvs(RecordedSet):
    """Windows with one label out of 24."""

    name = "asl_dvs"
    layout = "ASL-DVS/<letter>/*.mat"
    sensor = SensorSize(240, 180)

    def __init__(self, root: Path) -> None:
        home = home_of(root, ("ASL-DVS", "ASLDVS", "asl_dvs"), self.layout)
        super().__init__(home, eighty_twenty(in_class_folders(home, ".", ".mat")))


dataset = AslDvs
