"""CamVid: driving frames, each pixel of which has one of 11 classes.

Layout: ``{train,val}/*.jpg`` beside ``{train,val}annot/*.png`` with class indices, 11 unlabelled.
Source: Brostow et al., "Semantic Object Classes in Video", 2009, in SegNet's 11 classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.heads.segmentation import UNKNOWN
from training.data.dataset import Split
from training.data.folder import require
from training.data.sets.camvid import LABELS


class CamVidStills:
    """367 training and 101 validation frames of 480x360."""

    name = "camvid"
    segmentation_labels = LABELS

    def __init__(self, root: Path) -> None:
        self._folder = require(root / "dense" / "camvid")
        self.synsets: dict[str, str] = {}
        splits: tuple[Split, Split] = ("train", "val")
        self._stems = {
            split: sorted(path.stem for path in require(self._folder / split).iterdir())
            for split in splits
        }

    def num_pictures(self, split: Split) -> int:
        return len(self._stems[split])

    def picture(self, split: Split, index: int) -> Image.Image:
        with Image.open(self._folder / split / f"{self._stems[split][index]}.jpg") as file:
            return file.convert("RGB")

    def synset(self, split: Split, index: int) -> str | None:
        return None

    def class_ids(self, split: Split, index: int) -> npt.NDArray[np.uint8] | None:
        path = self._folder / f"{split}annot" / f"{self._stems[split][index]}.png"
        with Image.open(require(path)) as file:
            class_ids = np.asarray(file).astype(np.uint8)
        return np.where(class_ids < len(LABELS), class_ids, UNKNOWN).astype(np.uint8)


still_set = CamVidStills
