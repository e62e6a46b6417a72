"""Where the data sets lie on disk."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

DATA_VARIABLE = "SACCADE_DATA"


class DataError(Exception):
    """A data set is not where it should be, or not whole; the message says what is missing."""


class MissingDataError(DataError):
    """There is nothing of it."""


def data_folder() -> Path:
    """Return the folder of the data sets: $SACCADE_DATA, else ../shared/data."""
    return Path(os.environ.get(DATA_VARIABLE, "../shared/data"))


def require(path: Path) -> Path:
    """Return ``path`` if it is there.

    Raises:
        MissingDataError: it is not.
    """
    if not path.exists():
        raise MissingDataError(
            f"no {path}: set {DATA_VARIABLE}, or in training --data.root, to the folder of the "
            "data sets"
        )
    return path


def intensity(brightness: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the linear light, float32 in [0, 1], of sRGB brightness in 0..255."""
    return _LINEAR_LIGHT[brightness]


def brightness(light: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Return sRGB brightness in 0..255 of linear light in [0, 1]: the inverse of ``intensity``."""
    values: npt.NDArray[np.uint8] = np.rint(255 * np.clip(light, 0, 1) ** (1 / 2.2)).astype(
        np.uint8
    )
    return values


_LINEAR_LIGHT = (np.linspace(0, 1, 256) ** 2.2).astype(np.float32)
