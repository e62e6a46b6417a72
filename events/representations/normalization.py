"""Normalisation over the voxels that are not zero: one pass for the moments, one that writes.

A network's input is mostly zeros; they carry no scale and would make it follow the event rate.
"""

from __future__ import annotations

from typing import Literal

import numba as nb
import numpy as np
import numpy.typing as npt

Normalization = Literal["none", "nonzero_mean_std", "nonzero_rms"]
Moments = npt.NDArray[np.float64]

FLAT_VARIANCE = 1e-12
"""Variance over mean square below which all values count as equal: float64 sums know no better."""


@nb.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def moments(values: npt.NDArray[np.float32]) -> tuple[float, float, float]:
    """Return number, sum and sum of squares of what is not zero in flat ``values``."""
    count, total, squares = 0, 0.0, 0.0
    for i in range(len(values)):
        value = np.float64(values[i])
        count += value != 0
        total += value
        squares += value * value
    return float(count), total, squares


@nb.njit(nogil=True, cache=True)
def scale_into(
    values: npt.NDArray[np.float32], factor: np.float32, out: npt.NDArray[np.float32]
) -> None:
    """Write ``values * factor`` to ``out``; both flat, possibly the same array."""
    for i in range(len(values)):
        out[i] = values[i] * factor


@nb.njit(nogil=True, cache=True)
def standardize_into(
    values: npt.NDArray[np.float32],
    mean: np.float32,
    factor: np.float32,
    out: npt.NDArray[np.float32],
) -> None:
    """Write ``(values - mean) * factor`` to ``out``, and 0 where ``values`` is 0; both flat."""
    for i in range(len(values)):
        value = values[i]
        out[i] = (value - mean) * factor if value != 0 else np.float32(0)


def normalize(
    values: npt.NDArray[np.float32],
    normalization: Normalization,
    out: npt.NDArray[np.float32],
    known: tuple[float, float, float] | None = None,
) -> None:
    """Write ``values`` normalised over its non-zero part to ``out``; a copy where all are zero.

    Args:
        values: (N,) float32.
        normalization: ``nonzero_mean_std``, ``nonzero_rms`` or ``none``.
        out: (N,) float32; may be ``values``.
        known: Moments of ``values``, where the caller has them already.
    """
    if normalization == "none":
        if out is not values:
            out[:] = values
        return
    count, total, squares = known or moments(values)
    if count == 0:
        out[:] = 0
        return
    if normalization == "nonzero_rms":
        scale_into(values, np.float32(np.sqrt(count / squares)), out)
        return
    mean = total / count
    variance = squares / count - mean * mean
    is_flat = variance <= FLAT_VARIANCE * squares / count
    factor = 1.0 if is_flat else 1 / np.sqrt(variance)
    standardize_into(values, np.float32(mean), np.float32(factor), out)
