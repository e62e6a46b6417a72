"""CIFAR10-DVS: 1,000 of CIFAR-10's pictures of each class, moved on a screen before a DVS128.

Layout: ``CIFAR10-DVS/<class>/cifar10_<class>_N.aedat``.
Windows: 40,000 events (the released EventPretrain's option). Split: 80/20.
Source: Li et al., "CIFAR10-DVS: An Event-Stream Dataset for Object Classification", Front.
Neurosci. 2017.
"""

from __future__ import annotations

from pathlib import Path

from events.packet import SensorSize
from training.data.recorded import RecordedSet, eighty_twenty, home_of, in_class_folders


class Cifar10Dvs(RecordedSet):
    """Windows with one label out of 10."""

    name = "cifar10_dvs"
    layout = "CIFAR10-DVS/<class>/*.aedat"
    sensor = SensorSize(128, 128)
    num_events = 40_000

    def __init__(self, root: Path) -> None:
        home = home_of(root, ("CIFAR10-DVS", "CIFAR10DVS", "cifar10_dvs"), self.layout)
        super().__init__(home, eighty_twenty(in_class_folders(home, ".", ".aedat")))


dataset = Cifar10Dvs
