"""The torch twin of ``events.representations.red_blue``."""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

from events.representations.letterbox import Letterbox
from events.representations.red_blue import RedBlueSpec
from models.representations.cells import DeviceEvents
from models.representations.colors import Standardize
from models.representations.eight_bit import quantized
from models.representations.gridder import Duration, Gridder
from models.representations.resample import Resampler

COUNT_BITS = 24
"""Counts lie below 2^24: float32 counts one by one no further."""


class RedBlueGridder(Gridder):
    """Makes red and blue event images of a network's size."""

    def __init__(self, spec: RedBlueSpec, letterbox: Letterbox) -> None:
        super().__init__(letterbox, is_direct=False)
        self.spec = spec
        self.resample = Resampler(letterbox, spec.interpolation)
        self.standardize = Standardize(spec.mean, spec.std)

    def planes(self, events: DeviceEvents, duration_us: Duration) -> Tensor:
        cells = self.cells
        counts = cells.counts(events)
        full = nonzero_percentile(counts, self.spec.percentile)
        on, off = (counts.minimum(full) / full).unbind()
        is_on = on >= off
        on, off = torch.where(is_on, on, 0.0), torch.where(is_on, 0.0, off)
        image = quantized(torch.stack([1 - off, 1 - on - off, 1 - on]), self.spec.quantization)
        pixels = image.view(3, cells.height, cells.width)
        colors: Tensor = self.standardize(self.resample(pixels, margin=1.0).clamp(0, 1))
        return colors


gridder = RedBlueGridder


def nonzero_percentile(counts: Tensor, percentile: float) -> Tensor:
    """Return the (K, 1) percentile of what is not zero in each row; 1 where all is.

    Args:
        counts: (K, N) float32 whole numbers below 2^24.
        percentile: In (0, 100], linear between ranks.
    """
    share = Fraction(percentile / 100).limit_denominator(10**6)
    num_zero = _num_at_most(counts, counts.new_zeros(1))
    num = counts.shape[1] - num_zero
    position = (num - 1).clamp(min=0) * share.numerator  # in parts of the denominator
    rank = position // share.denominator
    part = (position - rank * share.denominator).float() / share.denominator
    low = _ranked(counts, num_zero + rank)
    above = torch.where(counts > low, counts, float(2**COUNT_BITS)).amin(1, keepdim=True)
    is_next_above = _num_at_most(counts, low) == num_zero + rank + 1
    high = torch.where(is_next_above & (above < 2**COUNT_BITS), above, low)
    return torch.where(num > 0, low + (high - low) * part, 1.0)


def _ranked(counts: Tensor, rank: Tensor) -> Tensor:
    """Return the (K, 1) count at ``rank`` of each row in order, found bit by bit.

    Where a sort would do, runtimes know none of so many values, or a slow one.
    """
    below = torch.zeros_like(rank, dtype=torch.float32)  # the largest count of a lower rank
    for bit in reversed(range(COUNT_BITS)):
        candidate = below + 2**bit
        below = torch.where(_num_at_most(counts, candidate) <= rank, candidate, below)
    return below + 1


def _num_at_most(counts: Tensor, limit: Tensor) -> Tensor:
    """Return (K, 1) int64: how many values of each row are not above ``limit``."""
    return (counts <= limit).sum(1, keepdim=True)
