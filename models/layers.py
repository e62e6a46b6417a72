"""Layers that several parts of a network share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def convolution(num_inputs: int, num_outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution with batch normalisation and a ReLU."""
    return nn.Sequential(
        nn.Conv2d(num_inputs, num_outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(num_outputs),
        nn.ReLU(inplace=True),
    )


class DropPath(nn.Module):
    """Drops a residual branch for some samples while training (Huang et al., ECCV 2016)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.probability == 0:
            return branch
        keep = 1 - self.probability
        shape = (len(branch),) + (1,) * (branch.ndim - 1)
        return branch * (torch.rand(shape, device=branch.device) < keep) / keep
