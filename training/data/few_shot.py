"""Few-shot learning: the first windows of each label alone."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from training.data.dataset import DataSet, Split


@runtime_checkable
class Labelled(Protocol):
    """A data set that knows every window's label without making it."""

    labels: dict[Split, list[str]]


def first_of_each(dataset: DataSet, num: int) -> npt.NDArray[np.int64]:
    """Return the training windows that are among the first ``num`` of their label, in order.

    Raises:
        ValueError: the data set has no labels, or ``num`` is less than 1.
    """
    if not isinstance(dataset, Labelled):
        raise ValueError(f"{dataset.name} has no labels to take few windows of each of")
    if num < 1:
        raise ValueError(f"few-shot learning needs at least 1 window of each label, got {num}")
    seen: dict[str, int] = {}
    kept = []
    for index, label in enumerate(dataset.labels["train"]):
        seen[label] = seen.get(label, 0) + 1
        if seen[label] <= num:
            kept.append(index)
    return np.array(kept)
