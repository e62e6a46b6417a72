"""The contract of every encoder: one pass over a representation serves every head."""

from __future__ import annotations

from torch import Tensor, nn


class Encoder(nn.Module):
    """Maps a representation to a pyramid of feature maps.

    A choice is one file in this folder with a frozen ``Config`` whose ``build(num_channels)``
    returns an Encoder.
    """

    widths: tuple[int, ...]
    """Channels of each feature map, finest first."""
    strides: tuple[int, ...]
    """Input pixels per cell of each feature map; each twice the one before."""

    def forward(self, events: Tensor) -> list[Tensor]:
        """Return the feature maps of a (B, C, H, W) representation.

        Map i is (B, widths[i], H / strides[i], W / strides[i]); H and W must be multiples
        of strides[-1].
        """
        raise NotImplementedError
