"""imagenet1k_256: a picture of each of ImageNet's 1,000 classes; events by planar virtual motion.

Layout and source: see training/data/stills/imagenet1k.py. All pictures are for training.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from training.data.check import Finding, check_picture
from training.data.still_windows import StillWindows
from training.data.stills.imagenet1k import ImageNet1kStills


class ImageNet1k(StillWindows):
    """Windows with one label out of 1,000."""

    name = "imagenet1k_256"
    layout = "images/imagenet1k_256/<WordNet id>_<name>.jpg"

    def __init__(self, root: Path) -> None:
        super().__init__(ImageNet1kStills(root), root / "images" / "imagenet1k_256")

    def check(self, *, deep: bool) -> Iterator[Finding]:
        """Yield a finding for each picture."""
        for path in sorted(self.home.glob("n*_*.jpg")):
            label = self.label_of[path.stem.partition("_")[0]]
            yield check_picture(path, "train", label, deep=deep)


dataset = ImageNet1k
