"""N-Caltech101: Caltech101's pictures, shown on a screen to a moving ATIS.

Layout: ``N-Caltech101/Caltech101/<class>/image_NNNN.bin``; the bounding boxes of
``Caltech101_annotations`` are not read. Beside them, ``101_ObjectCategories/<class>/
image_NNNN.jpg``, Caltech101's own pictures, where windows are to come with them.
Windows: the whole recording, 0.3 s of three saccades (GEP, arXiv 2603.23032). Split: 80/20.
All folders count as classes, 101 with BACKGROUND_Google; GEP has 100, without it.
Source: Orchard et al., "Converting Static Image Datasets to Spiking Neuromorphic Datasets Using
Saccades", Front. Neurosci. 2015, arXiv 1507.07629.
"""

from __future__ import annotations

from pathlib import Path

from events.packet import SensorSize
from training.data.recorded import Clip, RecordedSet, eighty_twenty, home_of, in_class_folders


class NCaltech101(RecordedSet):
    """Windows with one label out of 101, with pictures where Caltech101's are there."""

    name = "n_caltech101"
    layout = "N-Caltech101/Caltech101/<class>/image_NNNN.bin"
    sensor = SensorSize(304, 240)

    def __init__(self, root: Path) -> None:
        home = home_of(root, ("N-Caltech101", "n_caltech101", "ncaltech101"), self.layout)
        super().__init__(home, eighty_twenty(in_class_folders(home, "Caltech101", ".bin")))

    def picture_path(self, clip: Clip) -> Path | None:
        name = Path(clip.name).relative_to("Caltech101").with_suffix(".jpg")
        path = self.home / "101_ObjectCategories" / name
        return path if path.is_file() else None


dataset = NCaltech101
