"""Data sets of still pictures: a virtual event camera moves over each, as EF-ImageNet was made.

EF-ImageNet (EventPretrain) moves pictures before a simulated camera of 30 frames a second; here the
path is rendered in ten frames a window and log intensity is linear between them.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image

from events.packet import SensorSize
from events.simulate.planar import PlanarConfig
from training.data.dataset import LabelledWindow, Split
from training.data.folder import intensity
from training.data.still import StillSet
from training.data.virtual_camera import film

TRAIN_MOTION = PlanarConfig(zoom=(0.75, 1.4), offset=0.12, tilt_rad=0.2, translation=(0.01, 0.1))
VAL_MOTION = PlanarConfig(zoom=(1.0, 1.0), offset=0.0, tilt_rad=0.0, translation=(0.05, 0.05))
KEPT_PICTURES = 1_500
"""Decoded pictures that each worker keeps."""


class StillWindows:
    """Windows with the label of the picture that they show, and with views of it.

    Args:
        stills: The pictures.
    """

    segmentation_labels: tuple[str, ...] = ()

    def __init__(self, stills: StillSet) -> None:
        self.stills = stills
        self.name = stills.name
        self.label_of = unique_names(stills.synsets)
        self.recognition_labels = tuple(self.label_of.values())
        self.labels: dict[Split, list[str]] = {"train": [], "val": []}
        for split, labels in self.labels.items():
            for index in range(stills.num_pictures(split)):
                labels.append(self.label_of[stills.synset(split, index) or ""])
        self._picture = functools.lru_cache(maxsize=KEPT_PICTURES)(self._decode)

    def num_windows(self, split: Split) -> int:
        return len(self.labels[split])

    def window(
        self,
        split: Split,
        index: int,
        seed: int,
        sensor: SensorSize,
        window_us: int,
        *,
        augment: bool = False,
        with_images: bool = False,
    ) -> LabelledWindow:
        ways = {"augment": augment, "with_images": with_images}
        return self.sequence(split, index, seed, sensor, window_us, 1, **ways)[0]

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
        colour = self._picture(split, index)
        films = film(
            intensity(np.asarray(Image.fromarray(colour).convert("L"))),
            None,
            sensor,
            window_us,
            TRAIN_MOTION if augment else VAL_MOTION,
            np.random.default_rng((seed, index)),
            augment=augment,
            colour=colour if with_images else None,
            num_windows=num_windows,
        )
        return [
            LabelledWindow(
                packet=seen.packet,
                label=self.labels[split][index],
                image=seen.image,
                previous=seen.previous,
            )
            for seen in films
        ]

    def _decode(self, split: Split, index: int) -> npt.NDArray[np.uint8]:
        """Return a picture as (h, w, 3) RGB."""
        return np.asarray(self.stills.picture(split, index))


def unique_names(synsets: Mapping[str, str]) -> dict[str, str]:
    """Return names by id; those of several classes (crane, the bird and the machine) with it."""
    taken = Counter(synsets.values())
    return {
        synset: name if taken[name] == 1 else f"{name} ({synset})"
        for synset, name in synsets.items()
    }
