"""What MobileNetV2 says of the pictures of a set: a map of features and class scores, cached."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import torch

from models.teachers.mobilenet import INPUT_SIZE, MAP_SIZE, MobileNetV2
from training.data.features import Rows, picture_cache
from training.data.folder import data_folder
from training.data.still import StillSet
from training.data.views import Crop

TEACHER_FILE = "tf2_mobilenet_v2_1.0_224_ptq.tflite"


class Knowledge:
    """The map and the logits of every training picture of a set, from the cache or made now."""

    def __init__(self, pictures: StillSet) -> None:
        teacher = MobileNetV2(data_folder() / "weights" / "coral_tflite" / TEACHER_FILE)

        def look(rows: range) -> Rows:
            seen = [teacher.look(pictures.picture("train", i)) for i in rows]
            maps, logits = (np.stack(each).astype(np.float16) for each in zip(*seen, strict=True))
            return {"map": maps, "logits": logits}

        self.cache = picture_cache(
            f"{pictures.name}-mobilenet_v2",
            ("map", "logits"),
            functools.partial(pictures.picture, "train"),
            pictures.num_pictures("train"),
            teacher=teacher.fingerprint,
            prepared=f"stretched to {INPUT_SIZE}",
        )
        self.cache.fill(look)
        sample = np.stack([self.cache.row("map", i) for i in self._some()]).astype(np.float32)
        self.mean = sample.mean((0, 2, 3))
        self.std = sample.std((0, 2, 3))

    def logits(self, index: int) -> npt.NDArray[np.float32]:
        """Return the (1000,) scores of ImageNet's classes, in the order of WordNet ids."""
        return self.cache.row("logits", index).astype(np.float32)

    def map(self, index: int, crop: Crop) -> npt.NDArray[np.float16]:
        """Return the (320, 7, 7) features over a crop, each of mean 0 and spread 1 over pictures.

        Sampled from the whole picture's map, as Yun et al., "Re-labeling ImageNet", CVPR 2021.
        """
        whole = self.cache.row("map", index).astype(np.float32)
        even = (whole - self.mean[:, None, None]) / self.std[:, None, None]
        sampled = torch.nn.functional.grid_sample(
            torch.from_numpy(even)[None],
            torch.from_numpy(crop.points(MAP_SIZE))[None],
            padding_mode="border",
            align_corners=False,
        )
        features: npt.NDArray[np.float16] = sampled[0].numpy().astype(np.float16)
        return features

    def _some(self) -> range:
        return range(0, self.cache.num_rows, max(self.cache.num_rows // 500, 1))
