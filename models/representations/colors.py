"""Colours as networks take them: less a mean, over a deviation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from events.representations.colors import Color


class Standardize(nn.Module):
    """Subtracts each colour's mean and divides by its deviation."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Color, std: Color) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Return (3, H, W) in [0, 1] standardised."""
        return (image - self.mean) / self.std
