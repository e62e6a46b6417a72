"""N-Cars: cars and what is none, 0.1 s each, cut out of an ATIS recording from behind a windscreen.

Layout: ``N-Cars/n-cars_{train,test}/{cars,background}/obj_NNNNNN_td.dat``.
Windows: 3,000 events (EventPretrain's protocol), all where there are fewer. Split: the set's own.
Source: Sironi et al., "HATS", CVPR 2018, arXiv 1803.07913.
"""

from __future__ import annotations

from pathlib import Path

from events.packet import SensorSize
from training.data.recorded import RecordedSet, home_of, in_class_folders


class NCars(RecordedSet):
    """Windows with one label out of 2."""

    name = "n_cars"
    layout = "N-Cars/n-cars_{train,test}/{cars,background}/*.dat"
    sensor = SensorSize(120, 100)
    num_events = 3_000

    def __init__(self, root: Path) -> None:
        home = home_of(root, ("N-Cars", "n_cars", "Prophesee_Dataset_n_cars"), self.layout)
        train = in_class_folders(home, "n-cars_train", ".dat")
        super().__init__(
            home, {"train": train, "val": in_class_folders(home, "n-cars_test", ".dat")}
        )


dataset = NCars
