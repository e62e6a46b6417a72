"""Data sets of still pictures: a virtual event camera moves over each, as EF-ImageNet was made.

EF-ImageNet (EventPretrain) moves pictures before a simulated camera of 30 frames a second; here the
path is rendered in ten frames a window and log intensity is linear between them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from events.packet import SensorSize
from events.simulate.planar import PlanarConfig
from training.data.check import Finding
from training.data.dataset import LabelledWindow, Sequential, Split
from training.data.folder import intensity
from training.data.last_used import LastUsed
from training.data.still import StillSet
from training.data.virtual_camera import film

TRAIN_MOTION = PlanarConfig(zoom=(0.75, 1.4), offset=0.12, tilt_rad=0.2, translation=(0.01, 0.1))
VAL_MOTION = PlanarConfig(zoom=(1.0, 1.0), offset=0.0, tilt_rad=0.0, translation=(0.05, 0.05))


class StillWindows(Sequential):
    """Windows with the label of the picture that they show, and with views of it.

    Args:
        stills: The pictures.
        home: Where they lie.
    """

    name: str
    is_film = False
    kept_pictures = 1_500
    """Decoded pictures that each worker keeps."""
    segmentation_labels: tuple[str, ...] = ()

    def __init__(self, stills: StillSet, home: Path) -> None:
        self.stills = stills
        self.home = home
        self.label_of = unique_names(stills.synsets)
        self.keep_classes(self.label_of)
        self._brightness = LastUsed(self._decode, most=self.kept_pictures)

    def keep_classes(self, synsets: Collection[str]) -> None:
        """Forget all pictures but those of some WordNet ids."""
        self.label_of = {key: name for key, name in self.label_of.items() if key in synsets}
        self.recognition_labels = tuple(self.label_of.values())
        self.numbers: dict[Split, list[int]] = {"train": [], "val": []}
        self.labels: dict[Split, list[str]] = {"train": [], "val": []}
        for split, numbers in self.numbers.items():
            for number in range(self.stills.num_pictures(split)):
                label = self.label_of.get(self.stills.synset(split, number) or "")
                if label is not None:
                    numbers.append(number)
                    self.labels[split].append(label)

    def num_windows(self, split: Split) -> int:
        return len(self.labels[split])

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
        number = self.numbers[split][index]
        films = film(
            intensity(self._brightness(split, number)),
            None,
            sensor,
            window_us,
            TRAIN_MOTION if augment else VAL_MOTION,
            np.random.default_rng((seed, index)),
            augment=augment,
            colour=np.asarray(self.stills.picture(split, number)) if with_images else None,
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

    def check(self, *, deep: bool) -> Iterator[Finding]:
        """Yield a finding for each picture, which ``deep`` decodes."""
        for split, numbers in self.numbers.items():
            for number, label in zip(numbers, self.labels[split], strict=True):
                problem = self._problem(split, number) if deep else ""
                state: Literal["found", "corrupt"] = "corrupt" if problem else "found"
                yield Finding(
                    path=self.home, split=split, label=label, state=state, problem=problem
                )

    def _problem(self, split: Split, number: int) -> str:
        try:
            self.stills.picture(split, number)
        except (OSError, SyntaxError, ValueError) as error:  # pillow's, for what is no picture
            return f"holds picture {number} of {split} that does not decode: {error}"
        return ""

    def _decode(self, split: Split, number: int) -> npt.NDArray[np.uint8]:
        return np.asarray(self.stills.picture(split, number).convert("L"))


def unique_names(synsets: Mapping[str, str]) -> dict[str, str]:
    """Return names by id; those of several classes (crane, the bird and the machine) with it."""
    taken = Counter(synsets.values())
    return {
        synset: name if taken[name] == 1 else f"{name} ({synset})"
        for synset, name in synsets.items()
    }
