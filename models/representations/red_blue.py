"""The torch twin of ``events.representations.red_blue``."""

from __future__ import annotations

import torch
from torch import Tensor

from events.representations.letterbox import Letterbox
from events.representations.red_blue import RedBlueSpec
from models.representations.cells import Cells
from models.representations.eight_bit import quantized
from models.representations.gridder import Gridder
from models.representations.packed_events import PackedEvents
from models.representations.resample import Resampler


class RedBlueGridder(Gridder):
    """Makes red and blue event images of a network's size."""

    def __init__(self, spec: RedBlueSpec, letterbox: Letterbox, device: torch.device) -> None:
        self.letterbox = letterbox
        self._spec = spec
        self._cells = Cells(letterbox, device, is_direct=False)
        self._resample = Resampler(letterbox, spec.interpolation, device)
        self._mean, self._std = (
            torch.tensor(values, dtype=torch.float64, device=device)[:, None, None]
            for values in (spec.mean, spec.std)
        )

    def grids(self, packed: PackedEvents) -> Tensor:
        cells = self._cells
        counts = cells.counts(cells.events(packed))
        full = nonzero_percentile(counts, self._spec.percentile)
        on, off = (torch.minimum(counts.double(), full) / full).unbind(1)
        is_on = on >= off
        on, off = torch.where(is_on, on, 0.0), torch.where(is_on, 0.0, off)
        levels = torch.stack([1 - off, 1 - on - off, 1 - on], dim=1)
        image = quantized(levels, self._spec.quantization).float()
        pixels = image.unflatten(2, (cells.height, cells.width))
        resampled = self._resample(pixels, margin=1.0).clamp(0, 1)
        return ((resampled - self._mean) / self._std).float()


gridder = RedBlueGridder


def nonzero_percentile(counts: Tensor, percentile: float) -> Tensor:
    """Return the (..., 1) float64 percentile of what is not zero in ``counts`` (..., cells).

    1 where all is zero.
    """
    ordered = counts.int().sort(-1).values
    num = (counts > 0).sum(-1, keepdim=True)
    position = percentile / 100 * (num - 1).clamp(min=0).double()
    rank = position.long()
    last = counts.shape[-1] - 1
    first = last + 1 - num
    low = ordered.gather(-1, (first + rank).clamp(max=last)).double()
    high = ordered.gather(-1, (first + rank + 1).clamp(max=last)).double()
    part = position - rank
    return torch.where(num > 0, low + (high - low) * part, 1.0)
