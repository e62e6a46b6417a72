"""A small convolutional pyramid with attention where it is cheap: at stride 32.

Residual blocks as in He et al., "Deep Residual Learning for Image Recognition", CVPR 2016;
attention over the coarsest map with positions from a depthwise convolution as in Chu et al.,
"Conditional Positional Encodings for Vision Transformers", ICLR 2023, so that any input size runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.encoders.encoder import Encoder, EncoderConfig
from models.layers import AttentionBlock, DropPath, convolution


@dataclass(frozen=True, kw_only=True)
class Config(EncoderConfig):
    """Sizes of the hybrid encoder."""

    widths: tuple[int, ...] = (48, 96, 160, 256)
    """Channels at strides 4, 8, 16 and 32."""
    depths: tuple[int, ...] = (2, 2, 2, 2)
    """Residual blocks at strides 4, 8 and 16, then attention blocks at stride 32."""
    stem_width: int = 32
    """Channels of the first convolution."""
    num_attention_heads: int = 8
    """Of each transformer block."""
    drop_path: float = 0.0
    """Share of samples that skip a block while training."""

    def __post_init__(self) -> None:
        if len(self.widths) != 4 or len(self.depths) != 4:
            raise ValueError(
                f"widths and depths need 4 numbers each, got {self.widths} and {self.depths}"
            )
        if self.widths[-1] % self.num_attention_heads:
            raise ValueError(
                f"the last width {self.widths[-1]} must be a multiple of "
                f"{self.num_attention_heads} heads"
            )

    def build(self, num_channels: int) -> Encoder:
        """Return a randomly initialised encoder for ``num_channels`` input channels."""
        return HybridEncoder(self, num_channels)


class HybridEncoder(Encoder):
    """Residual stages at strides 4, 8, 16 and attention at stride 32."""

    strides = (4, 8, 16, 32)

    def __init__(self, config: Config, num_channels: int) -> None:
        super().__init__()
        self.config = config
        self.widths = config.widths
        self.stem = convolution(num_channels, config.stem_width, stride=2)
        stages = []
        width = config.stem_width
        for next_width, depth in zip(config.widths[:3], config.depths[:3], strict=True):
            blocks = [ResidualBlock(next_width, config.drop_path) for _ in range(depth)]
            stages.append(nn.Sequential(convolution(width, next_width, stride=2), *blocks))
            width = next_width
        self.stages = nn.ModuleList(stages)
        width = config.widths[3]
        self.to_tokens = convolution(config.widths[2], width, stride=2)
        self.position = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.blocks = nn.ModuleList(
            AttentionBlock(width, config.num_attention_heads, config.drop_path)
            for _ in range(config.depths[3])
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, events: Tensor) -> list[Tensor]:
        maps = []
        features = self.stem(events)
        for stage in self.stages:
            features = stage(features)
            maps.append(features)
        features = self.to_tokens(features)
        features = features + self.position(features)
        height, width = features.shape[-2:]
        tokens_BND = features.flatten(2).transpose(1, 2)
        for block in self.blocks:
            tokens_BND = block(tokens_BND)
        tokens_BND = self.norm(tokens_BND)
        maps.append(tokens_BND.transpose(1, 2).reshape(-1, self.widths[3], height, width))
        return maps


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and the identity."""

    def __init__(self, width: int, drop_path: float) -> None:
        super().__init__()
        self.first = convolution(width, width)
        norm = nn.BatchNorm2d(width)
        nn.init.zeros_(norm.weight)  # each block starts as the identity
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), norm)
        self.drop = DropPath(drop_path)

    def forward(self, features: Tensor) -> Tensor:
        return torch.relu(features + self.drop(self.second(self.first(features))))
