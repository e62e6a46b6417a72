"""Data sets by the name of their file in this folder."""

from __future__ import annotations

import importlib

from events.simulate.kinds import KINDS
from training.data.folder import DataError
from training.data.labelled import DataSet

_CLASSES = {
    "tiny_imagenet": "TinyImageNet",
    "camvid": "CamVid",
    "seven_scenes": "SevenScenes",
    "synthetic": "Synthetic",
}


def dataset_names() -> list[str]:
    """Return every name that ``load_dataset`` knows."""
    return list(_CLASSES)


def load_dataset(name: str) -> DataSet:
    """Open a data set.

    Raises:
        ValueError: the name is not known.
        DataError: its files are not there.
    """
    if name not in _CLASSES:
        raise ValueError(f"no data set {name!r}; there are {', '.join(_CLASSES)}")
    dataset: DataSet = getattr(importlib.import_module(f"training.data.{name}"), _CLASSES[name])()
    return dataset


def joint_labels(datasets: list[DataSet]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return all recognition and all segmentation labels, each once, synthetic kinds first."""
    recognition = dict.fromkeys(KINDS)
    segmentation: dict[str, None] = {}
    for dataset in sorted(datasets, key=lambda each: each.name != "synthetic"):
        recognition.update(dict.fromkeys(dataset.recognition_labels))
        segmentation.update(dict.fromkeys(dataset.segmentation_labels))
    if not recognition or not datasets:
        raise DataError("no data set, no labels")
    return tuple(recognition), tuple(segmentation)
