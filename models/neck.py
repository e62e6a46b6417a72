"""A feature pyramid: carries what the coarse maps know down to the finest one, and finer yet.

Source: Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017; maps of one size, as
plain vision transformers have, are fused alike and then enlarged, as in Li et al., "Exploring Plain
Vision Transformer Backbones for Object Detection", ECCV 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from models.layers import convolution

FINEST_STRIDE = 4
"""Fused maps are enlarged while their stride stays a whole number and at least this."""


class FeaturePyramid(nn.Module):
    """Fuses an encoder's maps into one of ``width`` channels at its finest stride, or finer."""

    def __init__(self, widths: Sequence[int], strides: Sequence[int], width: int) -> None:
        super().__init__()
        self.strides = tuple(strides)
        self.lateral = nn.ModuleList(nn.Conv2d(each, width, 1) for each in widths)
        self.smooth = nn.ModuleList(convolution(width, width) for _ in widths[:-1])
        self.enlarge = nn.ModuleList()
        self.stride = self.strides[0]
        while self.stride % 2 == 0 and self.stride > FINEST_STRIDE:
            self.enlarge.append(convolution(width, width))
            self.stride //= 2

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the (B, width, H, W) fused map at ``stride`` input pixels a cell."""
        fused: Tensor = self.lateral[-1](maps[-1])
        for i in range(len(maps) - 2, -1, -1):
            fused = _enlarged(fused, self.strides[i + 1] // self.strides[i])
            fused = self.smooth[i](fused + self.lateral[i](maps[i]))
        for refine in self.enlarge:
            fused = refine(_enlarged(fused, 2))
        return fused


def _enlarged(features: Tensor, factor: int) -> Tensor:
    if factor == 1:
        return features
    return nn.functional.interpolate(features, scale_factor=factor, mode="nearest")
