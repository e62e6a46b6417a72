"""What ESPNet says every pixel of CamVid's frames shows, cached."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import torch

from models.heads.segmentation import UNKNOWN
from models.teachers.espnet import UNLABELLED, EspNetTeacher
from training.data.features import Rows, picture_cache
from training.data.folder import data_folder
from training.data.still import StillSet

TEACHER_FILE = "decoder_espnet_p_2_q_8_camvid.pth"


class Segments:
    """The class of every pixel of the training pictures of a set in CamVid's classes."""

    def __init__(self, pictures: StillSet) -> None:
        teacher = EspNetTeacher(data_folder() / "weights" / "espnet" / TEACHER_FILE)

        def look(rows: range) -> Rows:
            return {"class_ids": np.stack([_said(teacher, pictures, i) for i in rows])}

        self.cache = picture_cache(
            f"{pictures.name}-espnet",
            ("class_ids",),
            functools.partial(pictures.picture, "train"),
            pictures.num_pictures("train"),
            shard_rows=64,
            teacher=teacher.fingerprint,
        )
        self.cache.fill(look)

    def class_ids(self, index: int) -> npt.NDArray[np.uint8]:
        """Return the (H, W) indices into CamVid's labels, 255 where it says none of them."""
        return self.cache.row("class_ids", index)


def _said(teacher: EspNetTeacher, pictures: StillSet, index: int) -> npt.NDArray[np.uint8]:
    pixels = torch.from_numpy(np.array(pictures.picture("train", index)))
    best = teacher.logits(pixels.permute(2, 0, 1)[None])[0].argmax(0).numpy()
    return np.where(best == UNLABELLED, UNKNOWN, best).astype(np.uint8)
