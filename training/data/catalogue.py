"""Data sets by the name of their file in training/data/sets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import training.data.sets
from events.simulate.kinds import KINDS
from training.choices import choice_names, load_choice
from training.data.dataset import DataSet
from training.data.folder import MissingDataError, data_folder


def dataset_names() -> list[str]:
    """Return every name that ``load_dataset`` knows: the files of training/data/sets."""
    return choice_names(training.data.sets)


def dataset_class(name: str) -> Callable[[Path], DataSet]:
    """Return what makes a data set of the folder of the data sets.

    Raises:
        ValueError: the name is not known.
    """
    made: Callable[[Path], DataSet] = load_choice(training.data.sets, "data set", name).dataset
    return made


def load_dataset(name: str, root: Path | None = None) -> DataSet:
    """Open a data set under ``root``, the folder of the data sets; None is the usual one.

    Raises:
        ValueError: the name is not known.
        DataError: its files are not there.
    """
    return dataset_class(name)(root or data_folder())


def load_present(root: Path | None = None) -> dict[str, DataSet]:
    """Open every data set that is there."""
    found = {}
    for name in dataset_names():
        with contextlib.suppress(MissingDataError):
            found[name] = load_dataset(name, root)
    return found


def joint_labels(datasets: list[DataSet]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return all recognition labels, the synthetic kinds first, and all segmentation labels."""
    recognition = dict.fromkeys(KINDS)
    segmentation: dict[str, None] = {}
    for dataset in datasets:
        recognition.update(dict.fromkeys(dataset.recognition_labels))
        segmentation.update(dict.fromkeys(dataset.segmentation_labels))
    return tuple(recognition), tuple(segmentation)
