"""The decoder of masked modelling: from visible tokens to the pixels of every patch.

Source: EventPretrain (arXiv 2508.05507), stage I; the decoder is that of He et al., "Masked
Autoencoders Are Scalable Vision Learners", CVPR 2022, without a class token.
"""

# B batch, N patches, M visible patches, D width of a token, P values in a patch

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.layers import AttentionBlock, initialize_xavier, sincos_positions
from models.masking import LevelFusion, MaskableEncoder


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig:
    """Sizes; the defaults are those for ViT-S, ConvViT-S and Swin-T, ViT-B has 512 and 16 heads."""

    width: int = 256
    """Of the decoder's tokens."""
    depth: int = 8
    """Blocks of the decoder."""
    num_attention_heads: int = 8
    """Of each of the decoder's blocks."""

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ValueError(f"decoder.depth must be at least 1, got {self.depth}")
        if self.width % 4 or self.width % self.num_attention_heads:
            raise ValueError(
                f"decoder.width must be a multiple of 4 and of {self.num_attention_heads} heads, "
                f"got {self.width}"
            )


class Reconstruction(nn.Module):
    """Fuses an encoder's levels, fills in mask tokens and rebuilds ``num_channels`` of pixels."""

    def __init__(self, config: DecoderConfig, encoder: MaskableEncoder, num_channels: int) -> None:
        super().__init__()
        width = encoder.widths[-1]
        self.fuse = LevelFusion(encoder.level_widths, width)
        self.embed = nn.Linear(width, config.width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.blocks = nn.Sequential(
            *(
                AttentionBlock(config.width, config.num_attention_heads, norm_eps=1e-6)
                for _ in range(config.depth)
            )
        )
        self.norm = nn.LayerNorm(config.width, eps=1e-6)
        self.predict = nn.Linear(config.width, num_channels * encoder.strides[-1] ** 2)
        initialize_xavier(self)

    def forward(self, encoder: MaskableEncoder, events: Tensor, keep_BM: Tensor) -> Tensor:
        """Return the (B, N, P) values of all patches, said from the visible ones.

        Args:
            encoder: Sees the visible patches; its last norm is the fused tokens'.
            events: (B, C, H, W); H and W are multiples of the encoder's last stride.
            keep_BM: int64 indices of the visible patches, row by row.
        """
        stride = encoder.strides[-1]
        height, width = events.shape[2] // stride, events.shape[3] // stride
        fused_BMD = self.fuse(encoder.visible_levels(events, keep_BM), encoder.norm)
        visible_BMD = self.embed(fused_BMD)
        D = visible_BMD.shape[2]
        tokens_BND = self.mask_token.to(visible_BMD.dtype).expand(len(events), height * width, D)
        tokens_BND = tokens_BND.scatter(1, keep_BM[:, :, None].expand(-1, -1, D), visible_BMD)
        tokens_BND = tokens_BND + sincos_positions(height, width, D, tokens_BND)
        values_BNP: Tensor = self.predict(self.norm(self.blocks(tokens_BND)))
        return values_BNP
