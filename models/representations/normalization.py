"""The torch twin of ``events.representations.normalization``, in float32."""

from __future__ import annotations

import torch
from torch import Tensor

from events.representations.normalization import FLAT_VARIANCE, Normalization


def normalized(grid: Tensor, normalization: Normalization) -> Tensor:
    """Return (C, H, W) normalised over its values that are not zero; unchanged where all are."""
    if normalization == "none":
        return grid
    is_set = grid != 0
    count = staged_sum(is_set.float()).clamp(min=1)
    mean_square = staged_sum(grid.square()) / count
    if normalization == "nonzero_rms":
        return grid / mean_square.sqrt().clamp(min=1e-30)
    mean = staged_sum(grid) / count
    # What float32 lost of the mean would look like a variance where all values are equal.
    mean = mean + staged_sum(torch.where(is_set, grid - mean, 0.0)) / count
    centred = torch.where(is_set, grid - mean, 0.0)
    variance = staged_sum(centred.square()) / count
    is_flat = variance <= FLAT_VARIANCE * mean_square
    return centred / torch.where(is_flat, 1.0, variance.sqrt())


def staged_sum(grid: Tensor) -> Tensor:
    """Return the () sum of (C, H, W), axis by axis: float32 loses less in short sums."""
    return grid.sum(2).sum(1).sum(0)
