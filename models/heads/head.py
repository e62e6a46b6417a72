"""The contract of every head: raw outputs from features, and its loss against targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What is known of a batch; a sample without a label of some task is marked, not left out."""

    recognition: Tensor
    """(B,) int64 label indices, -1 where unknown."""
    segmentation: Tensor
    """(B, h, w) int64 class indices, 255 where unknown."""
    depth_m: Tensor
    """(B, h, w) float metres, 0 where unknown."""


class Head(nn.Module):
    """One task over an encoder's features. Its file's name is the task's."""

    def forward(self, maps: Sequence[Tensor], fused: Tensor) -> Tensor:
        """Return raw outputs from the encoder's ``maps`` and the neck's ``fused`` map."""
        raise NotImplementedError

    def loss(self, output: Tensor, targets: Targets) -> Tensor:
        """Return the mean loss over what is known; a zero with a gradient where nothing is.

        What is known counts in all processes together: see ``models.global_batch``.
        """
        raise NotImplementedError


def at_size(output: Tensor, target_BHW: Tensor) -> Tensor:
    """Return a (B, C, h, w) output at the size of a (B, H, W) target, bilinear in between."""
    size = target_BHW.shape[1:]
    if output.shape[2:] == size:
        return output
    return nn.functional.interpolate(output.float(), size=size, mode="bilinear")
