"""N-MNIST: MNIST's digits, shown on a screen to a moving ATIS.

Layout: ``N-MNIST/{Train,Test}/<digit>/NNNNN.bin``.
Windows: the whole recording, 0.3 s of three saccades. Split: the set's own.
Source: Orchard et al., "Converting Static Image Datasets to Spiking Neuromorphic Datasets Using
Saccades", Front. Neurosci. 2015, arXiv 1507.07629.
"""

from __future__ import annotations

from pathlib import Path

from events.packet import SensorSize
from training.data.recorded import RecordedSet, home_of, in_class_folders


class NMnist(RecordedSet):
    """Windows with one label out of 10."""

    name = "n_mnist"
    layout = "N-MNIST/{Train,Test}/<digit>/*.bin"
    sensor = SensorSize(34, 34)

    def __init__(self, root: Path) -> None:
        home = home_of(root, ("N-MNIST", "n_mnist", "NMNIST"), self.layout)
        train = in_class_folders(home, "Train", ".bin")
        super().__init__(home, {"train": train, "val": in_class_folders(home, "Test", ".bin")})


dataset = NMnist
