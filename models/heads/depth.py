"""How far: metres along the optical axis for each pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.global_batch import global_count
from models.heads.head import Head, Targets, at_size
from models.layers import convolution


class Depth(Head):
    """A 3x3 and a 1x1 convolution on the fused map, to metres between the two ends of a range.

    Depth is the exponential of a sigmoid's position between the logarithms of the ends, so
    every output is positive, finite and in range, and errors count by ratio.
    """

    def __init__(self, width: int, range_m: tuple[float, float]) -> None:
        super().__init__()
        if not 0 < range_m[0] < range_m[1]:
            raise ValueError(f"depth range must rise from above 0 m, got {range_m}")
        self.log_near, self.log_far = math.log(range_m[0]), math.log(range_m[1])
        self.head = nn.Sequential(convolution(width, width), nn.Conv2d(width, 1, 1))

    def forward(self, maps: Sequence[Tensor], fused: Tensor) -> Tensor:
        """Return (B, 1, h, w) metres at the fused map's size."""
        position = torch.sigmoid(self.head(fused).float())
        return torch.exp(self.log_near + (self.log_far - self.log_near) * position)

    def loss(self, output: Tensor, targets: Targets) -> Tensor:
        """Return the mean absolute log ratio: 0.1 is about 10 % off."""
        known = targets.depth_m > 0
        output = at_size(output, targets.depth_m)
        truth = torch.where(known, targets.depth_m, output[:, 0].detach())
        error = (output[:, 0].log() - truth.log()).abs()
        return (error * known).sum() / global_count(known.sum())
