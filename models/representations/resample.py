"""The torch twin of ``events.representations.resample``: interpolation to a letterbox's content."""

from __future__ import annotations

import torch
from torch import Tensor

from events.representations.letterbox import Letterbox
from events.representations.resample import Interpolation, Taps, content_taps


class Resampler:
    """Brings images of the sensor's size to the network's.

    Args:
        letterbox: Places the sensor in the network's input.
        interpolation: How.
        device: Of the images.
    """

    def __init__(
        self, letterbox: Letterbox, interpolation: Interpolation, device: torch.device
    ) -> None:
        self._letterbox = letterbox
        rows, columns = content_taps(letterbox, interpolation)
        self._rows, self._row_weights = _tables(rows, device)
        self._columns, self._column_weights = _tables(columns, device)

    def __call__(self, planes: Tensor, margin: float | Tensor) -> Tensor:
        """Return (B, C, H, W) as (B, C, height, width), ``margin`` outside the content."""
        box = self._letterbox
        top, left, height, width = box.content
        # Sums of gathered rows: a matrix product would be rounded to TensorFloat-32 where allowed.
        between = (planes[..., self._rows, :] * self._row_weights[..., None]).sum(-2)
        content = (between[..., self._columns] * self._column_weights).sum(-1)
        shape = (*planes.shape[:2], box.height, box.width)
        placed = torch.ones(shape, device=planes.device) * margin
        placed[..., top : top + height, left : left + width] = content
        return placed


def _tables(taps: Taps, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (n, K) pixel numbers and their (n, K) weights."""
    weights = torch.from_numpy(taps.weights.copy()).to(device)
    first = torch.from_numpy(taps.first.copy()).to(device)
    return first[:, None] + torch.arange(weights.shape[1], device=device), weights
