"""M3ED as image-event pairs with 19 classes: a car, a legged robot and a drone, 1280x720.

Layout: ``M3ED/**/NAME_data.h5`` with ``NAME_semantics.h5`` beside it (its classes are a network's,
InternImage's); ``training/data/m3ed.py`` says what is read of them.
Windows: of the asked length, ending at a picture. The last fifth of each sequence is held out.
"""

from __future__ import annotations

from pathlib import Path

from training.data.m3ed import (
    LABELS,
    LAYOUT,
    LEAD_US,
    classes,
    events,
    home_of_m3ed,
    open_files,
    pictures,
    sequences,
    split_in_time,
)
from training.data.timed import Scene, TimedSet, from_start


class M3ed(TimedSet):
    """Windows with a class for each pixel."""

    name = "m3ed"
    layout = LAYOUT
    segmentation_labels = LABELS

    def __init__(self, root: Path) -> None:
        home = home_of_m3ed(root)
        self.files = open_files()
        found = sequences(home, "semantics")
        super().__init__(
            home,
            {
                "train": [self._scene(home, data, train=True) for data in found],
                "val": [self._scene(home, data, train=False) for data in found],
            },
        )

    def _scene(self, home: Path, data: Path, *, train: bool) -> Scene:
        class_ids = classes(self.files, data)
        moments_us = from_start(class_ids.times_us, LEAD_US)
        return Scene(
            name=str(data.relative_to(home)),
            events=events(self.files, data),
            moments_us=split_in_time(moments_us, train=train),
            frames=pictures(self.files, data),
            class_ids=class_ids,
        )


dataset = M3ed
