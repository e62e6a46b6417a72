"""CamVid: driving frames with 11 classes; events by planar virtual motion.

Layout: ``{train,val}/*.jpg`` beside ``{train,val}annot/*.png`` with class indices, 11 unlabelled.
Source: Brostow et al., "Semantic Object Classes in Video", 2009, in SegNet's 11 classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from events.packet import SensorSize
from events.simulate.planar import PlanarConfig
from models.heads.segmentation import UNKNOWN
from training.data.check import Finding, check_picture
from training.data.dataset import LabelledWindow, Sequential, Split
from training.data.folder import intensity, require
from training.data.last_used import LastUsed
from training.data.virtual_camera import film

LABELS = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian",
    "bicyclist",
)  # fmt: skip
TRAIN_MOTION = PlanarConfig(
    zoom=(1.0, 1.7), offset=0.12, tilt_rad=0.05, translation=(0.01, 0.08), rotation_rad=0.04
)
VAL_MOTION = PlanarConfig(
    zoom=(1.0, 1.0), offset=0.0, tilt_rad=0.0, translation=(0.03, 0.03), rotation_rad=0.02
)


class CamVid(Sequential):
    """Windows with a class for each pixel."""

    name = "camvid"
    recognition_labels: tuple[str, ...] = ()
    segmentation_labels = LABELS
    layout = "dense/camvid/{train,val}/*.jpg and {train,val}annot/*.png"

    def __init__(self, root: Path) -> None:
        self.folder = require(root / "dense" / "camvid")
        self.stems: dict[Split, list[str]] = {}
        splits: tuple[Split, Split] = ("train", "val")
        for split in splits:
            self.stems[split] = sorted(path.stem for path in require(self.folder / split).iterdir())
        self._load = LastUsed(self._decode, most=512)

    def num_windows(self, split: Split) -> int:
        return len(self.stems[split])

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
        rng = np.random.default_rng((seed, index))
        picture, class_ids = self._load(split, index, sensor)
        films = film(
            intensity(picture), class_ids, sensor, window_us,
            TRAIN_MOTION if augment else VAL_MOTION, rng, augment=augment,
            colour=self._colour(split, index, sensor) if with_images else None,
            num_windows=num_windows,
        )  # fmt: skip
        return [
            LabelledWindow(
                packet=seen.packet,
                class_ids=seen.class_ids,
                image=seen.image,
                previous=seen.previous,
            )
            for seen in films
        ]

    def check(self, *, deep: bool) -> Iterator[Finding]:
        """Yield a finding for each frame and for its labels."""
        for split, stems in self.stems.items():
            for stem in stems:
                yield check_picture(self.folder / split / f"{stem}.jpg", split, "", deep=deep)
                labels = self.folder / f"{split}annot" / f"{stem}.png"
                yield check_picture(labels, split, "", deep=deep)

    def _decode(
        self, split: Split, index: int, sensor: SensorSize
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Return brightness at up to twice the sensor's size, and labels at the picture's own."""
        stem = self.stems[split][index]
        picture = np.asarray(self._reduced(stem, split, sensor, "L"))
        with Image.open(require(self.folder / f"{split}annot" / f"{stem}.png")) as file:
            class_ids = np.asarray(file).astype(np.uint8)
        return picture, np.where(class_ids < len(LABELS), class_ids, UNKNOWN).astype(np.uint8)

    def _colour(self, split: Split, index: int, sensor: SensorSize) -> npt.NDArray[np.uint8]:
        return np.asarray(self._reduced(self.stems[split][index], split, sensor, "RGB"))

    def _reduced(self, stem: str, split: Split, sensor: SensorSize, mode: str) -> Image.Image:
        with Image.open(self.folder / split / f"{stem}.jpg") as file:
            picture = file.convert(mode)
        size = (sensor.width * 3 // 2, sensor.height * 3 // 2)
        picture.thumbnail(size, Image.Resampling.BILINEAR)
        return picture


dataset = CamVid
