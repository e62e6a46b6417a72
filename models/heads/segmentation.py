"""What is where: one class for each pixel."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from models.heads.head import Head, Targets
from models.layers import convolution

UNKNOWN = 255


class Segmentation(Head):
    """A 3x3 and a 1x1 convolution on the fused map."""

    def __init__(self, width: int, num_labels: int) -> None:
        super().__init__()
        self.head = nn.Sequential(convolution(width, width), nn.Conv2d(width, num_labels, 1))

    def forward(self, maps: Sequence[Tensor], fused: Tensor) -> Tensor:
        """Return (B, num_labels, h, w) logits at the fused map's size."""
        logits: Tensor = self.head(fused)
        return logits

    def loss(self, output: Tensor, targets: Targets) -> Tensor:
        known = targets.segmentation != UNKNOWN
        total = nn.functional.cross_entropy(
            output.float(), targets.segmentation, ignore_index=UNKNOWN, reduction="sum"
        )
        return total / known.sum().clamp(min=1)
