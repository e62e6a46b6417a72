"""ImageNet-1k in its own layout, as it is unpacked for training.

Layout: ``ImageNet/{train,val}/<WordNet id>/<picture>.JPEG`` and ``LOC_synset_mapping.txt`` (a line
for each class: its id, a space, its names), without which labels are ids.
Source: Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", 2015.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from training.data.dataset import Split
from training.data.folder import MissingDataError
from training.data.recorded import SPLITS, home_of, in_class_folders

FOLDERS = ("ImageNet", "imagenet")
LAYOUT = "ImageNet/{train,val}/<WordNet id>/*.JPEG"
NAMES = "LOC_synset_mapping.txt"
REDUCED = (256, 256)
"""Larger pictures are decoded at a half, a quarter or an eighth that is still as large as this."""


class ImageNetStills:
    """1.28 million training and 50,000 validation pictures."""

    name = "imagenet"
    segmentation_labels: tuple[str, ...] = ()

    def __init__(self, root: Path) -> None:
        self.home = home_of(root, FOLDERS, LAYOUT)
        self._names: dict[Split, npt.NDArray[np.bytes_]] = {}
        for split in SPLITS:
            found = in_class_folders(self.home, split, ".JPEG")
            self._names[split] = np.array([os.fsencode(clip.name) for clip in found], np.bytes_)
        if not len(self._names["train"]):
            raise MissingDataError(f"{self.home} holds no pictures: it must hold {LAYOUT}")
        synsets = sorted(entry.name for entry in os.scandir(self.home / "train") if entry.is_dir())
        names = read_names(self.home / NAMES)
        self.synsets = {synset: names.get(synset, synset) for synset in synsets}

    def num_pictures(self, split: Split) -> int:
        return len(self._names[split])

    def path(self, split: Split, index: int) -> Path:
        """Return a picture's file."""
        return self.home / os.fsdecode(bytes(self._names[split][index]))

    def picture(self, split: Split, index: int) -> Image.Image:
        with Image.open(self.path(split, index)) as file:
            file.draft("RGB", REDUCED)
            return file.convert("RGB")

    def synset(self, split: Split, index: int) -> str | None:
        return os.fsdecode(bytes(self._names[split][index]).split(b"/")[1])

    def class_ids(self, split: Split, index: int) -> npt.NDArray[np.uint8] | None:
        return None


def read_names(path: Path) -> dict[str, str]:
    """Return the first name of each WordNet id, all of them where first names clash.

    Without the file, none.
    """
    if not path.is_file():
        return {}
    lines = [line.partition(" ") for line in path.read_text().splitlines()]
    full = {synset: text.strip() for synset, _, text in lines if text}
    first = {synset: text.split(",")[0] for synset, text in full.items()}
    taken = list(first.values())
    return {key: name if taken.count(name) == 1 else full[key] for key, name in first.items()}


still_set = ImageNetStills
