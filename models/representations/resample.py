"""The torch twin of ``events.representations.resample``: interpolation to a letterbox's content."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from events.representations.letterbox import Letterbox
from events.representations.resample import Interpolation, Taps, content_taps
from models.representations.cells import framed


class Resampler(nn.Module):
    """Brings images of the sensor's size to the network's.

    Args:
        letterbox: Places the sensor in the network's input.
        interpolation: How.
    """

    is_content: Tensor

    def __init__(self, letterbox: Letterbox, interpolation: Interpolation) -> None:
        super().__init__()
        self.letterbox = letterbox
        rows, columns = content_taps(letterbox, interpolation)
        self.rows, self.columns = _AxisTaps(rows, 1), _AxisTaps(columns, 2)
        content = torch.ones(1, letterbox.content.height, letterbox.content.width)
        self.register_buffer("is_content", framed(content, letterbox) > 0, persistent=False)

    def forward(self, planes: Tensor, margin: float | Tensor) -> Tensor:
        """Return (C, H, W) as (C, height, width), ``margin`` outside the content."""
        placed = framed(self.columns(self.rows(planes)), self.letterbox)
        return torch.where(self.is_content, placed, margin)


class _AxisTaps(nn.Module):
    """Weighted sums of gathered rows or columns.

    A matrix product would be rounded to TensorFloat-32 where that is allowed.
    """

    pixels: Tensor
    weights: Tensor

    def __init__(self, taps: Taps, axis: int) -> None:
        super().__init__()
        self.axis = axis
        num_cells, num_taps = taps.weights.shape
        pixels = torch.from_numpy(taps.first.copy())[:, None] + torch.arange(num_taps)
        shape = (num_cells, num_taps, 1) if axis == 1 else (num_cells, num_taps)
        weights = torch.from_numpy(taps.weights.copy()).view(shape)
        self.register_buffer("pixels", pixels.flatten(), persistent=False)
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, planes: Tensor) -> Tensor:
        gathered = planes.index_select(self.axis, self.pixels)
        taps = torch.unflatten(gathered, self.axis, tuple(self.weights.shape[:2]))
        return (taps * self.weights).sum(self.axis + 1)
