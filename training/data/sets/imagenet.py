"""ImageNet-1k's pictures before a virtual event camera: EF-ImageNet's recipe, at its own size.

Layout and source: see training/data/stills/imagenet.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from training.data.check import Finding, check_picture
from training.data.recorded import SPLITS
from training.data.still_windows import StillWindows
from training.data.stills.imagenet import LAYOUT, ImageNetStills


class ImageNet(StillWindows):
    """Windows with one label out of 1,000."""

    name = "imagenet"
    layout = LAYOUT

    def __init__(self, root: Path) -> None:
        self._pictures = ImageNetStills(root)
        super().__init__(self._pictures, self._pictures.home)

    def check(self, *, deep: bool) -> Iterator[Finding]:
        """Yield a finding for each picture."""
        for split in SPLITS:
            for number, label in zip(self.numbers[split], self.labels[split], strict=True):
                path = self._pictures.path(split, number)
                yield check_picture(path, split, label, deep=deep)


dataset = ImageNet
