"""The torch twin of ``events.representations.red_blue``."""

from __future__ import annotations

import torch
from torch import Tensor

from events.packet import EventPacket
from events.representations.letterbox import Letterbox
from events.representations.red_blue import RedBlueSpec
from models.representations.cells import Cells
from models.representations.eight_bit import quantized
from models.representations.gridder import Gridder
from models.representations.resample import Resampler


class RedBlueGridder(Gridder):
    """Makes red and blue event images of a network's size."""

    def __init__(self, spec: RedBlueSpec, letterbox: Letterbox, device: torch.device) -> None:
        self._spec = spec
        self._cells = Cells(letterbox, device, is_direct=False)
        self._resample = Resampler(letterbox, spec.interpolation, device)
        self._mean, self._std = (
            torch.tensor(values, dtype=torch.float64, device=device)[:, None, None]
            for values in (spec.mean, spec.std)
        )

    def grid(self, packet: EventPacket) -> Tensor:
        cells = self._cells
        counts = cells.counts(cells.events(packet))
        on, off = (self._shares(count) for count in counts)
        is_on = on >= off
        on, off = torch.where(is_on, on, 0.0), torch.where(is_on, 0.0, off)
        image = quantized(torch.stack([1 - off, 1 - on - off, 1 - on]), self._spec.quantization)
        pixels = image.float().view(3, cells.height, cells.width)
        resampled = self._resample(pixels, margin=1.0).clamp(0, 1)
        return ((resampled - self._mean) / self._std).float()

    def _shares(self, count: Tensor) -> Tensor:
        """Return (cells,) float64: counts over their percentile, at most 1; 0 without events."""
        full = nonzero_percentile(count, self._spec.percentile)
        return torch.minimum(count.double(), full) / full


gridder = RedBlueGridder


def nonzero_percentile(count: Tensor, percentile: float) -> Tensor:
    """Return the () float64 percentile of what is not zero in ``count`` (N,); 1 where all is."""
    ordered = count.sort().values.double()
    num = (count > 0).sum()
    position = percentile / 100 * (num - 1).clamp(min=0).double()
    rank = position.long()
    first = len(ordered) - num
    last = len(ordered) - 1
    low = ordered.take((first + rank).clamp(max=last))
    high = ordered.take((first + rank + 1).clamp(max=last))
    part = position - rank
    return torch.where(num > 0, low + (high - low) * part, 1.0)
