"""A frozen image teacher's embeddings of a data set's pictures, computed once and kept on disk."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.teachers.mobilenet import WIDTH, MobileNetEmbedding
from training.data.dataset import DataSet
from training.data.features import Rows, picture_cache
from training.data.folder import data_folder

TEACHER_FILE = "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"


@runtime_checkable
class Teachable(Protocol):
    """A data set whose windows show pictures that a teacher can look at."""

    embeddings: npt.NDArray[np.float32] | None
    """(number of training pictures, D), given to the windows as they are."""

    def num_pictures(self) -> int: ...

    def picture(self, index: int) -> Image.Image:
        """Return training picture ``index`` in colour."""
        ...


def attach_teacher(datasets: list[DataSet]) -> int:
    """Give every teachable data set its embeddings; return their width."""
    for dataset in datasets:
        if isinstance(dataset, Teachable):
            dataset.embeddings = centred(_embeddings(dataset.name, dataset))
    return WIDTH


def centred(embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return rows of length 1 around the rows' mean: what all pictures share teaches nothing."""
    rows = embeddings - embeddings.mean(0)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = (rows / np.maximum(length, 1e-6)).astype(np.float32)
    return unit


def _embeddings(name: str, dataset: Teachable) -> npt.NDArray[np.float32]:
    """Return (N, D) embeddings, from the cache if this teacher has seen this data set."""
    teacher = MobileNetEmbedding(data_folder() / "weights" / "coral_tflite" / TEACHER_FILE)

    def look(rows: range) -> Rows:
        return {"embedding": np.stack([teacher.embed(dataset.picture(i)) for i in rows])}

    cache = picture_cache(
        f"{name}-mobilenet_v1",
        ("embedding",),
        dataset.picture,
        dataset.num_pictures(),
        teacher=teacher.fingerprint,
    )
    cache.fill(look)
    return cache.column("embedding")
