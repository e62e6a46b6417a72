"""Colour pictures as grey: what events, which know no colour, are compared with."""

from __future__ import annotations

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""


def grey(images_B3HW: Tensor) -> Tensor:
    """Return (B, 1, H, W) float in [0, 1] of uint8 RGB."""
    weights = torch.tensor(LUMA, device=images_B3HW.device).reshape(1, 3, 1, 1)
    return (images_B3HW.float() / 255 * weights).sum(1, keepdim=True)


def greyed(images_B3HW: Tensor) -> Tensor:
    """Return uint8 RGB without its colours: three equal channels, float in [0, 1]."""
    return grey(images_B3HW).expand(-1, 3, -1, -1)
