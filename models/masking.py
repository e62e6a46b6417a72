"""The contract of encoders that can run on a part of their patches: masked modelling's."""

# B batch, M visible patches, D width of a token

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.encoders.encoder import Encoder


class MaskableEncoder(Encoder):
    """An encoder whose patches of ``strides[-1]`` pixels can be hidden.

    What a hidden patch holds never reaches a visible one.
    """

    norm: nn.LayerNorm
    """The last one: ``tokens`` are what it returns."""
    level_widths: tuple[int, ...]
    """Numbers per visible patch at each of the levels of ``visible_levels``."""
    num_blocks: int
    """Attention blocks: so many of the last ``layers``."""

    @abstractmethod
    def visible_levels(self, events: Tensor, keep_BM: Tensor) -> list[Tensor]:
        """Return (B, M, level_widths[i]) of the visible patches at several depths, not normalised.

        Args:
            events: (B, C, H, W); H and W are multiples of ``strides[-1]``.
            keep_BM: int64 indices of the visible patches in row-major order of the grid.
        """

    @abstractmethod
    def layers(self) -> list[Sequence[nn.Module]]:
        """Return the layers in order of depth, the patch embedding first.

        Learning rates by depth follow them; what is in none of them is as deep as the last.
        """


class LevelFusion(nn.Module):
    """LN of the sum of an encoder's levels: f = LN(level 1 + level 2 + ... + last).

    A level of another width than the tokens' is first brought to it by a linear layer. The norm is
    the encoder's own last one.

    Source: EventPretrain (arXiv 2508.05507), the release's ``use_feature_fusion``; after ConvMAE.
    """

    def __init__(self, level_widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList(
            nn.Identity() if each == width else nn.Linear(each, width) for each in level_widths
        )

    def forward(self, levels: Sequence[Tensor], norm: nn.LayerNorm) -> Tensor:
        """Return the (B, M, D) fused tokens."""
        projected = [
            project(level) for project, level in zip(self.projections, levels, strict=True)
        ]
        fused: Tensor = norm(torch.stack(projected).sum(0))
        return fused
