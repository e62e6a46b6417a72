"""tiny_imagenet_202: 202 classes of 64x64 pictures in one zip; events by planar virtual motion.

Layout: ``classes.tsv`` (id, names) and ``{train,val}/<id>/*.JPEG``.
Source: Le and Yang, "Tiny ImageNet Visual Recognition Challenge", 2015.
"""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from events.packet import SensorSize
from events.simulate.planar import PlanarConfig
from training.data.dataset import LabelledWindow, Split
from training.data.folder import intensity, require
from training.data.virtual_camera import film

TRAIN_MOTION = PlanarConfig(zoom=(0.75, 1.4), offset=0.12, tilt_rad=0.2, translation=(0.01, 0.1))
VAL_MOTION = PlanarConfig(zoom=(1.0, 1.0), offset=0.0, tilt_rad=0.0, translation=(0.05, 0.05))


class TinyImageNet:
    """Windows with one label out of 202."""

    name = "tiny_imagenet_202"
    segmentation_labels: tuple[str, ...] = ()

    def __init__(self, root: Path) -> None:
        self.path = require(root / "images" / "tiny_imagenet_202.zip")
        names: dict[Split, list[str]] = {"train": [], "val": []}
        self.pictures: dict[Split, list[bytes]] = {"train": [], "val": []}
        with zipfile.ZipFile(self.path) as archive:
            self.label_of = label_of = _read_labels(archive.read("classes.tsv").decode())
            for entry in sorted(archive.namelist()):
                if entry.endswith(".JPEG"):
                    split: Split = "train" if entry.startswith("train/") else "val"
                    names[split].append(label_of[entry.split("/")[1]])
                    self.pictures[split].append(archive.read(entry))
        self.labels = names
        self.recognition_labels = tuple(dict.fromkeys(label_of.values()))
        self.embeddings: npt.NDArray[np.float32] | None = None
        self._load = functools.lru_cache(maxsize=25_000)(self._decode)

    def keep_classes(self, synsets: Collection[str]) -> None:
        """Forget all pictures but those of some WordNet ids."""
        self.label_of = {key: name for key, name in self.label_of.items() if key in synsets}
        self.recognition_labels = tuple(self.label_of.values())
        for split, labels in self.labels.items():
            kept = [i for i, label in enumerate(labels) if label in self.recognition_labels]
            self.labels[split] = [labels[i] for i in kept]
            self.pictures[split] = [self.pictures[split][i] for i in kept]

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
        rng = np.random.default_rng((seed, index))
        motion = TRAIN_MOTION if augment else VAL_MOTION
        films = film(
            intensity(self._load(split, index)),
            None,
            sensor,
            window_us,
            motion,
            rng,
            augment=augment,
            colour=np.asarray(self.picture(index, split)) if with_images else None,
            num_windows=num_windows,
        )
        embeddings = self.embeddings if split == "train" else None
        return [
            LabelledWindow(
                packet=seen.packet,
                label=self.labels[split][index],
                embedding=None if embeddings is None else embeddings[index],
                image=seen.image,
                previous=seen.previous,
            )
            for seen in films
        ]

    def num_pictures(self) -> int:
        return len(self.pictures["train"])

    def picture(self, index: int, split: Split = "train") -> Image.Image:
        with Image.open(io.BytesIO(self.pictures[split][index])) as file:
            return file.convert("RGB")

    def _decode(self, split: Split, index: int) -> npt.NDArray[np.uint8]:
        with Image.open(io.BytesIO(self.pictures[split][index])) as file:
            return np.asarray(file.convert("L"))


def _read_labels(text: str) -> dict[str, str]:
    """Return a short unique name for each id: its first synonym, or more where those clash."""
    synonyms = dict(line.split("\t")[:2] for line in text.splitlines() if "\t" in line)
    first = {key: names.split(",")[0].strip() for key, names in synonyms.items()}
    taken = list(first.values())
    return {key: name if taken.count(name) == 1 else synonyms[key] for key, name in first.items()}


dataset = TinyImageNet
