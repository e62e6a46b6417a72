"""What is where: one class for each pixel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.global_batch import global_count, summed
from models.heads.head import Head, Targets, at_size
from models.layers import convolution

UNKNOWN = 255
DICE_WEIGHT = 0.5
"""Share of the Dice term, which counts every class alike however few its pixels."""


class Segmentation(Head):
    """A 3x3 and a 1x1 convolution on the fused map.

    The loss is cross-entropy plus the soft Dice loss of Milletari et al., "V-Net", 3DV 2016, over
    the classes that occur in the batch.
    """

    def __init__(self, width: int, num_labels: int) -> None:
        super().__init__()
        self.head = nn.Sequential(convolution(width, width), nn.Conv2d(width, num_labels, 1))

    def forward(self, maps: Sequence[Tensor], fused: Tensor) -> Tensor:
        """Return (B, num_labels, h, w) logits at the fused map's size."""
        logits: Tensor = self.head(fused)
        return logits

    def loss(self, output: Tensor, targets: Targets) -> Tensor:
        known_BHW = targets.segmentation != UNKNOWN
        output = at_size(output, targets.segmentation)
        logits_PC = output.float().permute(0, 2, 3, 1)[known_BHW]
        truth_P = targets.segmentation[known_BHW]
        total = nn.functional.cross_entropy(logits_PC, truth_P, reduction="sum")
        dice = _dice(logits_PC.softmax(-1), truth_P)
        return total / global_count(known_BHW.sum()) + DICE_WEIGHT * dice


def _dice(probability_PC: Tensor, truth_P: Tensor) -> Tensor:
    """Return 1 - the mean soft Dice coefficient of the classes in ``truth_P``, of all processes.

    Without any the loss is 0.
    """
    num_pixels_C = torch.bincount(truth_P, minlength=probability_PC.shape[1])
    right_P = probability_PC.gather(1, truth_P[:, None])[:, 0]
    overlap_C = probability_PC.new_zeros(len(num_pixels_C)).index_add(0, truth_P, right_P)
    overlap_C, probability_C = summed(torch.stack([overlap_C, probability_PC.sum(0)]))
    num_pixels_C = summed(num_pixels_C)
    dice_C = 2 * overlap_C / (probability_C + num_pixels_C).clamp(min=1)
    occurs_C = num_pixels_C > 0
    loss: Tensor = 1 - dice_C[occurs_C].mean() if occurs_C.any() else dice_C.sum()
    return loss
