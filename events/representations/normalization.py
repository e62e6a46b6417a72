"""Normalisation over the voxels that are not zero: one pass for the moments, one that writes.

A network's input is mostly zeros; they carry no scale and would make it follow the event rate.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numba as nb
import numpy as np
import numpy.typing as npt

Normalization = Literal["none", "nonzero_mean_std", "nonzero_rms"]
Values = npt.NDArray[np.float32]

FLAT_VARIANCE = 1e-12
"""Variance over mean square below which all values count as equal: float64 sums know no better."""


@nb.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def moments(values: Values) -> tuple[float, float, float]:
    """Return number, sum and sum of squares of what is not zero in flat ``values``."""
    count, total, squares = 0, 0.0, 0.0
    for i in range(len(values)):
        value = np.float64(values[i])
        count += value != 0
        total += value
        squares += value * value
    return float(count), total, squares


@nb.njit(nogil=True, cache=True)
def plane_moments(planes: Any, first: int, last: int, table: Any) -> tuple[float, float, float]:
    """Renew rows [first, last) of ``table`` and return the sum of its rows up to ``last``.

    Args:
        planes: (R, N) float32.
        first: First plane that has changed.
        last: One past the last plane.
        table: (R, 3) float64 moments of each plane.
    """
    count, total, squares = 0.0, 0.0, 0.0
    for k in range(last):
        if k >= first:
            table[k, 0], table[k, 1], table[k, 2] = moments(planes[k])
        count += table[k, 0]
        total += table[k, 1]
        squares += table[k, 2]
    return count, total, squares


@nb.njit(nogil=True, cache=True)
def _scale_into(values: Values, factor: np.float32, out: Any) -> None:
    """Write ``values * factor`` to ``out``, or to ``values`` where ``out`` is None; all flat.

    In place is a case of its own: two names of one array keep the compiler from using vectors.
    """
    target = values if out is None else out
    for i in range(len(values)):
        target[i] = values[i] * factor


@nb.njit(nogil=True, cache=True)
def _standardize_into(values: Values, mean: np.float32, factor: np.float32, out: Any) -> None:
    """Write ``(values - mean) * factor``, and 0 where ``values`` is 0, as ``_scale_into`` does."""
    target = values if out is None else out
    for i in range(len(values)):
        value = values[i]
        target[i] = (value - mean) * factor if value != 0 else np.float32(0)


def normalize(
    values: Values,
    normalization: Normalization,
    out: Values | None = None,
    known: tuple[float, float, float] | None = None,
) -> None:
    """Write ``values`` normalised over its non-zero part to ``out``; a copy where all are zero.

    Args:
        values: (N,) float32.
        normalization: ``nonzero_mean_std``, ``nonzero_rms`` or ``none``.
        out: (N,) float32, another array than ``values``; None writes to ``values``.
        known: Moments of ``values``, where the caller has them already.
    """
    count, total, squares = 0.0, 0.0, 0.0
    if normalization != "none":
        count, total, squares = known or moments(values)
    if squares == 0:
        if out is not None:
            out[:] = values
        return
    if normalization == "nonzero_rms":
        _scale_into(values, np.float32(math.sqrt(count / squares)), out)
        return
    mean = total / count
    variance = squares / count - mean * mean
    is_flat = variance <= FLAT_VARIANCE * squares / count
    factor = 1.0 if is_flat else 1 / math.sqrt(variance)
    _standardize_into(values, np.float32(mean), np.float32(factor), out)


def normalize_reference(values: Values, normalization: Normalization) -> Values:
    """Return ``values`` of any shape as ``normalize`` writes them, in plain numpy."""
    nonzero = values[values != 0].astype(np.float64)
    if normalization == "none" or not len(nonzero):
        return values
    if normalization == "nonzero_rms":
        return values / np.float32(np.sqrt(np.mean(nonzero**2)))
    variance = nonzero.var()
    centred = np.where(values != 0, values - nonzero.mean(), 0)
    if variance > FLAT_VARIANCE * np.mean(nonzero**2):
        centred /= np.sqrt(variance)
    return centred.astype(np.float32)
