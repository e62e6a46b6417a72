"""DVS128 Gesture: 11 gestures of 29 people in three lights, before a DVS128.

Layout: ``DvsGesture/userNN_LIGHT.aedat`` with ``userNN_LIGHT_labels.csv`` (class, start and end in
us), and the lists ``trials_to_train.txt`` and ``trials_to_test.txt``.
Windows: 40,000 events of one gesture. Split: the set's own, by people.
Source: Amir et al., "A Low Power, Fully Event-Based Gesture Recognition System", CVPR 2017.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from events.packet import SensorSize
from training.data.folder import DataError, require
from training.data.recorded import Clip, RecordedSet, home_of

GESTURES = (
    "hand clapping", "right hand wave", "left hand wave", "right arm clockwise",
    "right arm counter clockwise", "left arm clockwise", "left arm counter clockwise", "arm roll",
    "air drums", "air guitar", "other gestures",
)  # fmt: skip
"""Class 1 is the first."""


class DvsGesture(RecordedSet):
    """Windows with one label out of 11."""

    name = "dvs_gesture"
    layout = "DvsGesture/{userNN_LIGHT.aedat, userNN_LIGHT_labels.csv, trials_to_{train,test}.txt}"
    sensor = SensorSize(128, 128)
    num_events = 40_000

    def __init__(self, root: Path) -> None:
        home = home_of(root, ("DvsGesture", "dvs_gesture", "DVS128Gesture"), self.layout)
        train = _gestures(home, "trials_to_train.txt")
        super().__init__(home, {"train": train, "val": _gestures(home, "trials_to_test.txt")})


def _gestures(home: Path, trials: str) -> Iterator[Clip]:
    """Yield the gestures of the recordings that a list names."""
    for name in require(home / trials).read_text().split():
        labels = require(home / f"{Path(name).stem}_labels.csv")
        with labels.open(newline="") as file:
            for number, row in enumerate(csv.reader(file)):
                if number == 0:  # class, startTime_usec, endTime_usec
                    continue
                try:
                    gesture, start_us, end_us = (int(value) for value in row)
                    label = GESTURES[gesture - 1]
                except (ValueError, IndexError):
                    raise DataError(
                        f"{labels}, line {number + 1}: a gesture 1 to {len(GESTURES)}, its start "
                        f"and its end must be there, got {','.join(row)!r}"
                    ) from None
                yield Clip(name, label, start_us, end_us)


dataset = DvsGesture
