"""Data sets by the name of their file in training/data/sets."""

from __future__ import annotations

import importlib
import pkgutil

import training.data.sets
from events.simulate.kinds import KINDS
from training.data.labelled import DataSet


def dataset_names() -> list[str]:
    """Return every name that ``load_dataset`` knows: the files of training/data/sets."""
    return sorted(module.name for module in pkgutil.iter_modules(training.data.sets.__path__))


def load_dataset(name: str) -> DataSet:
    """Open a data set.

    Raises:
        ValueError: the name is not known.
        DataError: its files are not there.
    """
    if name not in dataset_names():
        raise ValueError(f"no data set {name!r}; there are {', '.join(dataset_names())}")
    dataset: DataSet = importlib.import_module(f"training.data.sets.{name}").dataset()
    return dataset


def joint_labels(datasets: list[DataSet]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return all recognition and all segmentation labels, each once, synthetic kinds first."""
    recognition = dict.fromkeys(KINDS)
    segmentation: dict[str, None] = {}
    for dataset in sorted(datasets, key=lambda each: each.name != "synthetic"):
        recognition.update(dict.fromkeys(dataset.recognition_labels))
        segmentation.update(dict.fromkeys(dataset.segmentation_labels))
    return tuple(recognition), tuple(segmentation)
