"""imagenet1k_256: one training picture of each of ImageNet's 1,000 classes.

Layout: ``<id>_<name>.jpg``, spaces of the name as ``_``.
Source: Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", 2015.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from training.data.dataset import Split
from training.data.folder import require

REDUCED = (128, 128)
"""Pictures are decoded at half their size, which is four times as fast and enough for views."""


class ImageNet1kStills:
    """1,000 pictures, all for training: they are ImageNet's own training pictures."""

    name = "imagenet1k_256"
    segmentation_labels: tuple[str, ...] = ()

    def __init__(self, root: Path) -> None:
        self._paths = sorted(require(root / "images" / "imagenet1k_256").glob("n*_*.jpg"))
        parts = [path.stem.partition("_") for path in self._paths]
        self._ids = [synset for synset, _, _ in parts]
        self.synsets = {synset: name.replace("_", " ") for synset, _, name in parts}

    def num_pictures(self, split: Split) -> int:
        return len(self._paths) if split == "train" else 0

    def picture(self, split: Split, index: int) -> Image.Image:
        with Image.open(self._paths[index]) as file:
            file.draft("RGB", REDUCED)
            return file.convert("RGB")

    def synset(self, split: Split, index: int) -> str | None:
        return self._ids[index]

    def class_ids(self, split: Split, index: int) -> npt.NDArray[np.uint8] | None:
        return None


still_set = ImageNet1kStills
