"""The contract of every set of still pictures: pictures with what is known of them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

import training.data.stills
from training.choices import choice_names, load_choice
from training.data.dataset import Split
from training.data.folder import data_folder


class StillSet(Protocol):
    """Pictures by split and number; a choice is one file of training/data/stills."""

    name: str
    synsets: dict[str, str]
    """WordNet id of each class, by the id's own order, and its name; empty without classes."""
    segmentation_labels: tuple[str, ...]

    def num_pictures(self, split: Split) -> int:
        """How many pictures a split has; 0 where the set has no such split."""
        ...

    def picture(self, split: Split, index: int) -> Image.Image:
        """Return a picture in colour."""
        ...

    def synset(self, split: Split, index: int) -> str | None:
        """Return the WordNet id of what a picture shows."""
        ...

    def class_ids(self, split: Split, index: int) -> npt.NDArray[np.uint8] | None:
        """Return the (H, W) indices into ``segmentation_labels`` of a picture, 255 unknown."""
        ...


def still_set_names() -> list[str]:
    """Return every name that ``load_still_set`` knows: the files of training/data/stills."""
    return choice_names(training.data.stills)


def load_still_set(name: str, root: Path | None = None) -> StillSet:
    """Open a set of pictures under ``root``, the folder of the data sets; None is the usual one.

    Raises:
        ValueError: the name is not known.
        DataError: its files are not there.
    """
    module = load_choice(training.data.stills, "set of pictures", name)
    pictures: StillSet = module.still_set(root or data_folder())
    return pictures
