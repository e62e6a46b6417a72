"""The mean and the deviation of a data set's colours, by which networks of images want theirs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Color = tuple[float, float, float]
"""A value for each of three channels."""


def check_mean_and_std(mean: Color, std: Color) -> None:
    """Refuse what cannot normalise three channels.

    Raises:
        ValueError: there are not three of each, or a deviation is not above 0.
    """
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise ValueError(f"mean and std must be 3 values each, std above 0, got {mean} and {std}")


def mean_and_gain(
    mean: Color, std: Color
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return (3,) float32 each: what a compiled loop subtracts, and then multiplies by."""
    return np.array(mean, np.float32), (1 / np.array(std)).astype(np.float32)
