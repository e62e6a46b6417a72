"""tiny_imagenet_202: 202 classes of 64x64 pictures in one zip; events by planar virtual motion.

Layout and source: see training/data/stills/tiny_imagenet.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from events.packet import SensorSize
from training.data.dataset import LabelledWindow, Split
from training.data.still_windows import StillWindows
from training.data.stills.tiny_imagenet import TINY_IMAGENET, TinyImageNetStills


class TinyImageNet(StillWindows):
    """Windows with one label out of 202, in training with a teacher's embedding where attached."""

    name = TINY_IMAGENET
    layout = "images/tiny_imagenet_202.zip"
    kept_pictures = 25_000

    def __init__(self, root: Path) -> None:
        super().__init__(TinyImageNetStills(root), root / self.layout)
        self.embeddings: npt.NDArray[np.float32] | None = None

    def num_pictures(self) -> int:
        return self.num_windows("train")

    def picture(self, index: int) -> Image.Image:
        return self.stills.picture("train", self.numbers["train"][index])

    def sequence(
        self,
        split: Split,
        index: int,
        seed: int,
        sensor: SensorSize,
        window_us: int,
        num_windows: int,
        *,
        augment: bool = False,
        with_images: bool = False,
    ) -> list[LabelledWindow]:
        ways = {"augment": augment, "with_images": with_images}
        windows = super().sequence(split, index, seed, sensor, window_us, num_windows, **ways)
        if self.embeddings is None or split != "train":
            return windows
        return [replace(window, embedding=self.embeddings[index]) for window in windows]


dataset = TinyImageNet
