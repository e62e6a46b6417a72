"""A feature pyramid: carries what the coarse maps know down to the finest one.

Source: Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from models.layers import convolution


class FeaturePyramid(nn.Module):
    """Fuses an encoder's maps into one of ``width`` channels at its finest stride."""

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(each, width, 1) for each in widths)
        self.smooth = nn.ModuleList(convolution(width, width) for _ in widths[:-1])

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the (B, width, H, W) fused map at the size of ``maps[0]``."""
        fused: Tensor = self.lateral[-1](maps[-1])
        for i in range(len(maps) - 2, -1, -1):
            fused = nn.functional.interpolate(fused, scale_factor=2, mode="nearest")
            fused = self.smooth[i](fused + self.lateral[i](maps[i]))
        return fused
