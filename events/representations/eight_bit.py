"""Eight bits: the whole numbers that stored event images are made of.

Sums of float32 depend on their order by their last bit, so that of a million voxels about four fall
to the next step where another device or the float64 reference adds them up.
"""

from __future__ import annotations

from typing import Any, Literal

import numba as nb
import numpy as np
import numpy.typing as npt

Quantization = Literal["truncate", "round", "none"]
"""How a level in [0, 1] becomes one of 256: 255 times it is cut to the whole number below, as
numpy's conversion to uint8 does, or rounded to the nearest one (half up); or it stays as it is."""

SLACK = 1e-3
"""Added before the cut: at the edge of a step, rounding noise must not decide."""


def slack_of(quantization: Quantization) -> np.float32 | None:
    """Return what is added to 255 times a level before it is cut; None where it is not."""
    if quantization == "none":
        return None
    return np.float32(SLACK if quantization == "truncate" else SLACK + 0.5)


@nb.njit(nogil=True, inline="always")
def to_level(steps: Any, slack: Any) -> Any:
    """Return the level of 255 times it; for compiled loops, which ``slack`` None specialises."""
    if slack is None:
        return steps * np.float32(1 / 255)
    return np.floor(steps + slack) * np.float32(1 / 255)


def quantize_reference(
    levels: npt.NDArray[np.float64], quantization: Quantization
) -> npt.NDArray[np.float64]:
    """Return levels in [0, 1] as an 8-bit image has them, still in [0, 1], in plain numpy."""
    if quantization == "none":
        return levels
    slack = SLACK if quantization == "truncate" else SLACK + 0.5
    return np.floor(levels * 255 + slack) / 255
