"""ConvMAE's hybrid: convolution blocks at strides 4 and 8, attention blocks at stride 16.

Source: Gao et al., "ConvMAE: Masked Convolution Meets Masked Autoencoders", NeurIPS 2022; the small
size is EventPretrain's (arXiv 2508.05507).
"""

# B batch, N tokens, M visible tokens, D width of a token, C channels, H height, W width of a map

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.encoders.encoder import Encoder, EncoderConfig
from models.layers import (
    AttentionBlock,
    ChannelNorm,
    DropPath,
    PatchEmbedding,
    gather_tokens,
    initialize_xavier,
    run_block,
    sincos_positions,
)
from models.masking import MaskableEncoder

STRIDES = (4, 8, 16)


@dataclass(frozen=True, kw_only=True)
class Config(EncoderConfig):
    """Sizes; the defaults are ConvViT-S."""

    widths: tuple[int, int, int] = (128, 256, 384)
    """Channels at strides 4, 8 and 16."""
    depths: tuple[int, int, int] = (2, 2, 11)
    """Convolution blocks at strides 4 and 8, then attention blocks at stride 16."""
    num_attention_heads: int = 12
    """Of each block of the last stage."""
    drop_path: float = 0.0
    """Share of samples that skip the last block while training; less, evenly, before it."""

    def __post_init__(self) -> None:
        if len(self.widths) != 3 or len(self.depths) != 3 or min(self.depths) < 1:
            raise ValueError(
                f"widths and depths need 3 numbers each, depths of at least 1, got {self.widths} "
                f"and {self.depths}"
            )
        if self.widths[2] % 4 or self.widths[2] % self.num_attention_heads:
            raise ValueError(
                f"the last width must be a multiple of 4 and of {self.num_attention_heads} heads, "
                f"got {self.widths[2]}"
            )

    def build(self, num_channels: int) -> Encoder:
        """Return an encoder with Xavier weights for ``num_channels`` input channels."""
        return ConvVisionTransformer(self, num_channels)


def small() -> Config:
    """Return ConvViT-S."""
    return Config()


def base() -> Config:
    """Return ConvViT-B."""
    return Config(widths=(256, 384, 768))


class ConvVisionTransformer(MaskableEncoder):
    """Maps at strides 4, 8 and 16; the last one is normalised."""

    strides = STRIDES

    def __init__(self, config: Config, num_channels: int) -> None:
        super().__init__()
        self.config = config
        self.widths = config.widths
        self.num_blocks = config.depths[2]
        # Under a patch lie 4 x 4 cells of the first map and 2 x 2 of the second.
        self.level_widths = tuple(
            width * (STRIDES[2] // stride) ** 2
            for width, stride in zip(config.widths, STRIDES, strict=True)
        )
        chance = torch.linspace(0, config.drop_path, sum(config.depths)).tolist()
        inputs = (num_channels, *config.widths[:2])
        self.embeds = nn.ModuleList(
            PatchEmbedding(num_inputs, width, size)
            for num_inputs, width, size in zip(inputs, config.widths, (4, 2, 2), strict=True)
        )
        starts = (0, config.depths[0])
        self.stages = nn.ModuleList(
            nn.ModuleList(ConvolutionBlock(width, chance[start + i]) for i in range(depth))
            for width, depth, start in zip(
                config.widths[:2], config.depths[:2], starts, strict=True
            )
        )
        width, heads = config.widths[2], config.num_attention_heads
        self.to_tokens = nn.Linear(width, width)
        self.blocks = nn.ModuleList(
            AttentionBlock(width, heads, each, norm_eps=1e-6)
            for each in chance[sum(config.depths[:2]) :]
        )
        self.norm = nn.LayerNorm(width, eps=1e-6)
        initialize_xavier(self)

    def forward(self, events: Tensor) -> list[Tensor]:
        maps = self._convolved(events, None)
        tokens_BND = self.norm(self._attended(self._embedded(maps[-1])))
        size = (events.shape[2] // STRIDES[2], events.shape[3] // STRIDES[2])
        return [*maps, tokens_BND.transpose(1, 2).unflatten(2, size)]

    def visible_levels(self, events: Tensor, keep_BM: Tensor) -> list[Tensor]:
        height, width = events.shape[2] // STRIDES[2], events.shape[3] // STRIDES[2]
        is_visible_BN = torch.zeros(len(events), height * width, device=events.device)
        is_visible_BN.scatter_(1, keep_BM, 1)
        maps = self._convolved(events, is_visible_BN.reshape(-1, 1, height, width))
        tokens_BMD = gather_tokens(self._embedded(maps[-1]), keep_BM)
        cells = [nn.functional.pixel_unshuffle(map_, map_.shape[2] // height) for map_ in maps]
        return [
            *(gather_tokens(each.flatten(2).transpose(1, 2), keep_BM) for each in cells),
            self._attended(tokens_BMD),
        ]

    def layers(self) -> list[Sequence[nn.Module]]:
        return [
            [*self.embeds, self.to_tokens],
            *([stage] for stage in self.stages),
            *([block] for block in self.blocks),
        ]

    def _convolved(self, events: Tensor, is_visible: Tensor | None) -> list[Tensor]:
        """Return the maps of the convolution stages; (B, 1, h, w) 0 or 1 hides patches."""
        maps = []
        features = events
        for embed, stage in zip(list(self.embeds)[:2], self.stages, strict=True):
            features = embed(features)
            mask = None
            if is_visible is not None:
                mask = nn.functional.interpolate(is_visible, features.shape[-2:], mode="nearest")
            for block in stage:  # type: ignore[attr-defined]  # a ModuleList
                features = block(features, mask)
            maps.append(features)
        return maps

    def _embedded(self, features: Tensor) -> Tensor:
        """Return the (B, N, D) tokens of the stride-8 map, their positions added."""
        patches = self.embeds[2](features)
        height, width = patches.shape[-2:]
        tokens_BND: Tensor = self.to_tokens(patches.flatten(2).transpose(1, 2))
        return tokens_BND + sincos_positions(height, width, self.widths[2], tokens_BND)

    def _attended(self, tokens_BND: Tensor) -> Tensor:
        for block in self.blocks:
            tokens_BND = run_block(block, tokens_BND, recompute=self.activation_checkpointing)
        return tokens_BND


class ConvolutionBlock(nn.Module):
    """A transformer block whose mixing is a depthwise 5x5 convolution; hidden cells give zeros."""

    def __init__(self, width: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(width)
        self.inner = nn.Conv2d(width, width, 1)
        self.mix = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.out = nn.Conv2d(width, width, 1)
        self.norm2 = ChannelNorm(width)
        self.mlp = nn.Sequential(
            nn.Conv2d(width, 4 * width, 1), nn.GELU(), nn.Conv2d(4 * width, width, 1)
        )
        self.drop = DropPath(drop_path)

    def forward(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, C, H, W); ``mask`` is (B, 1, H, W), 0 where nothing may be seen."""
        widened: Tensor = self.inner(self.norm1(features))
        if mask is not None:
            widened = widened * mask
        features = features + self.drop(self.out(self.mix(widened)))
        widened = self.drop(self.mlp(self.norm2(features)))
        return features + widened
