"""tiny_imagenet_202: 202 classes of 64x64 pictures in one zip.

Layout: ``classes.tsv`` (id, names) and ``{train,val}/<id>/*.JPEG``.
Source: Le and Yang, "Tiny ImageNet Visual Recognition Challenge", 2015.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from training.data.dataset import Split
from training.data.folder import DataError, require

TINY_IMAGENET = "tiny_imagenet_202"


class TinyImageNetStills:
    """18,180 training and 3,030 validation pictures."""

    name = TINY_IMAGENET
    segmentation_labels: tuple[str, ...] = ()

    def __init__(self, root: Path) -> None:
        self._files: dict[Split, list[bytes]] = {"train": [], "val": []}
        self._synsets: dict[Split, list[str]] = {"train": [], "val": []}
        path = require(root / "images" / "tiny_imagenet_202.zip")
        try:
            self._read(path)
        except (zipfile.BadZipFile, zlib.error, KeyError) as error:
            raise DataError(f"{path} is damaged: {error}") from None

    def _read(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            lines = archive.read("classes.tsv").decode().splitlines()
            rows = [line.split("\t") for line in lines if "\t" in line]
            self.synsets = {row[0]: row[1].split(",")[0].strip() for row in sorted(rows)}
            for entry in sorted(archive.namelist()):
                if entry.endswith(".JPEG"):
                    split: Split = "train" if entry.startswith("train/") else "val"
                    self._synsets[split].append(entry.split("/")[1])
                    self._files[split].append(archive.read(entry))

    def num_pictures(self, split: Split) -> int:
        return len(self._files[split])

    def picture(self, split: Split, index: int) -> Image.Image:
        with Image.open(io.BytesIO(self._files[split][index])) as file:
            return file.convert("RGB")

    def synset(self, split: Split, index: int) -> str | None:
        return self._synsets[split][index]

    def class_ids(self, split: Split, index: int) -> npt.NDArray[np.uint8] | None:
        return None


still_set = TinyImageNetStills
