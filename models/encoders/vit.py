"""A plain vision transformer: one patch embedding, attention blocks, no class token.

ViT-S/16 of EventPretrain (arXiv 2508.05507): after Dosovitskiy et al., "An Image is Worth 16x16
Words", ICLR 2021, with fixed sine-cosine positions and LayerNorm and GELU after the embedding.
"""

# B batch, N tokens, M visible tokens, D width of a token

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from models.encoders.encoder import Encoder, EncoderConfig
from models.layers import (
    AttentionBlock,
    PatchEmbedding,
    gather_tokens,
    initialize_xavier,
    run_block,
    sincos_positions,
)
from models.masking import MaskableEncoder

FUSED_BLOCKS = (2, 4)
"""Beside the last, the blocks whose outputs masked modelling fuses, counted from 1."""


@dataclass(frozen=True, kw_only=True)
class Config(EncoderConfig):
    """Sizes; the defaults are ViT-S/16."""

    width: int = 384
    """Of a token."""
    depth: int = 12
    """Blocks."""
    num_attention_heads: int = 12
    """Of each block; they share the token's width."""
    patch_size: int = 16
    """Side in pixels."""
    drop_path: float = 0.0
    """Share of samples that skip the last block while training; less, evenly, before it."""

    def __post_init__(self) -> None:
        if self.depth < max(FUSED_BLOCKS):
            raise ValueError(f"depth must be at least {max(FUSED_BLOCKS)}, got {self.depth}")
        if self.width % 4 or self.width % self.num_attention_heads:
            raise ValueError(
                f"width must be a multiple of 4 and of {self.num_attention_heads} heads, "
                f"got {self.width}"
            )

    def build(self, num_channels: int) -> Encoder:
        """Return an encoder with Xavier weights for ``num_channels`` input channels."""
        return VisionTransformer(self, num_channels)


def small() -> Config:
    """Return ViT-S/16."""
    return Config()


def base() -> Config:
    """Return ViT-B/16."""
    return Config(width=768)


class VisionTransformer(MaskableEncoder):
    """Four maps of one stride, after each quarter of the blocks; the last one is normalised."""

    def __init__(self, config: Config, num_channels: int) -> None:
        super().__init__()
        self.config = config
        self.widths = (config.width,) * 4
        self.strides = (config.patch_size,) * 4
        self.level_widths = (config.width,) * (len(FUSED_BLOCKS) + 1)
        self.num_blocks = config.depth
        self.embed = PatchEmbedding(num_channels, config.width, config.patch_size)
        self.blocks = nn.ModuleList(
            AttentionBlock(
                config.width,
                config.num_attention_heads,
                config.drop_path * i / (config.depth - 1),
                norm_eps=1e-6,
            )
            for i in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width, eps=1e-6)
        initialize_xavier(self)

    def forward(self, events: Tensor) -> list[Tensor]:
        size = (events.shape[2] // self.strides[0], events.shape[3] // self.strides[0])
        outputs = self._through_blocks(self._embedded(events))
        depth = self.config.depth
        quarters = [outputs[quarter * depth // 4 - 1] for quarter in (1, 2, 3)]
        return [
            tokens_BND.transpose(1, 2).unflatten(2, size)
            for tokens_BND in (*quarters, self.norm(outputs[-1]))
        ]

    def visible_levels(self, events: Tensor, keep_BM: Tensor) -> list[Tensor]:
        outputs = self._through_blocks(gather_tokens(self._embedded(events), keep_BM))
        return [*(outputs[block - 1] for block in FUSED_BLOCKS), outputs[-1]]

    def layers(self) -> list[Sequence[nn.Module]]:
        return [[self.embed], *([block] for block in self.blocks)]

    def _embedded(self, events: Tensor) -> Tensor:
        patches = self.embed(events)
        height, width = patches.shape[-2:]
        positions = sincos_positions(height, width, self.config.width, patches)
        tokens_BND: Tensor = patches.flatten(2).transpose(1, 2) + positions
        return tokens_BND

    def _through_blocks(self, tokens_BND: Tensor) -> list[Tensor]:
        """Return the output of every block."""
        outputs = []
        for block in self.blocks:
            tokens_BND = run_block(block, tokens_BND, recompute=self.activation_checkpointing)
            outputs.append(tokens_BND)
        return outputs
