"""Swin-T through transformers: attention in shifted windows, maps at strides 4, 8, 16 and 32.

Source: Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
ICCV 2021; sizes as in EventPretrain (arXiv 2508.05507).

Hidden patches are of 32 pixels, those of the last map, and their embeddings become zeros, as in
SimMIM (Xie et al., CVPR 2022). EventPretrain's release leaves them out of every window instead
(GreenMIM, Huang et al., NeurIPS 2022), with one mask for the whole batch: that saves time, but a
visible patch learns as little of a hidden one either way.
"""

# B batch, M visible patches

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from models.encoders.encoder import Encoder, EncoderConfig
from models.layers import gather_tokens, initialize_xavier, run_block
from models.masking import MaskableEncoder

if TYPE_CHECKING:
    from transformers.models.swin.modeling_swin import SwinStage

STRIDES = (4, 8, 16, 32)
NORM_EPS = 1e-6


@dataclass(frozen=True, kw_only=True)
class Config(EncoderConfig):
    """Sizes; the defaults are Swin-T."""

    width: int = 96
    """Channels at stride 4; doubled at each further stride."""
    depths: tuple[int, int, int, int] = (2, 2, 6, 2)
    num_attention_heads: tuple[int, int, int, int] = (3, 6, 12, 24)
    window_size: int = 7
    """Cells per side of an attention window."""
    drop_path: float = 0.0
    """Share of samples that skip the last block while training; less, evenly, before it."""

    def __post_init__(self) -> None:
        if len(self.depths) != 4 or len(self.num_attention_heads) != 4:
            raise ValueError(
                f"depths and num_attention_heads need 4 numbers each, got {self.depths} and "
                f"{self.num_attention_heads}"
            )
        if any(self.width * 2**i % heads for i, heads in enumerate(self.num_attention_heads)):
            raise ValueError(
                f"width {self.width}, doubled at each stage, must be a multiple of the heads "
                f"{self.num_attention_heads}"
            )

    def build(self, num_channels: int) -> Encoder:
        """Return an encoder with Xavier weights for ``num_channels`` input channels.

        Raises:
            ValueError: transformers is not installed.
        """
        return SwinEncoder(self, num_channels)


def tiny() -> Config:
    """Return Swin-T."""
    return Config()


class SwinEncoder(MaskableEncoder):
    """Maps of the four stages; the last one is normalised."""

    strides = STRIDES
    one_size_reason = "how its windows are padded and shifted is decided by the input's size"

    def __init__(self, config: Config, num_channels: int) -> None:
        super().__init__()
        self.config = config
        self.widths = tuple(config.width * 2**i for i in range(4))
        self.num_blocks = sum(config.depths)
        self.level_widths = tuple(
            width * (STRIDES[3] // stride) ** 2
            for width, stride in zip(self.widths, STRIDES, strict=True)
        )
        self.embed = nn.Conv2d(num_channels, config.width, STRIDES[0], STRIDES[0])
        self.embed_norm = nn.LayerNorm(config.width, eps=NORM_EPS)
        self.stages = _make_stages(config)
        self.norm = nn.LayerNorm(self.widths[3], eps=NORM_EPS)
        initialize_xavier(self)

    def forward(self, events: Tensor) -> list[Tensor]:
        maps = self._through_stages(self._embedded(events))
        normalized = self.norm(maps[3].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return [*maps[:3], normalized]

    def visible_levels(self, events: Tensor, keep_BM: Tensor) -> list[Tensor]:
        height, width = events.shape[2] // STRIDES[3], events.shape[3] // STRIDES[3]
        is_visible = torch.zeros(len(events), height * width, device=events.device)
        is_visible.scatter_(1, keep_BM, 1)
        embedded = self._embedded(events)
        mask = nn.functional.interpolate(
            is_visible.reshape(-1, 1, height, width), embedded.shape[1:3], mode="nearest"
        )
        maps = self._through_stages(embedded * mask.permute(0, 2, 3, 1))
        cells = [nn.functional.pixel_unshuffle(map_, map_.shape[2] // height) for map_ in maps]
        return [gather_tokens(each.flatten(2).transpose(1, 2), keep_BM) for each in cells]

    def layers(self) -> list[Sequence[nn.Module]]:
        layers: list[Sequence[nn.Module]] = [[self.embed, self.embed_norm]]
        for stage in self._swin_stages():
            own: list[Sequence[nn.Module]] = [[block] for block in stage.blocks]
            if stage.downsample is not None:
                own[-1] = [*own[-1], stage.downsample]
            layers += own
        return layers

    def _swin_stages(self) -> list[SwinStage]:
        return cast("list[SwinStage]", list(self.stages))

    def _embedded(self, events: Tensor) -> Tensor:
        """Return the (B, H / 4, W / 4, width) patches."""
        embedded: Tensor = self.embed_norm(self.embed(events).permute(0, 2, 3, 1))
        return embedded

    def _through_stages(self, features: Tensor) -> list[Tensor]:
        """Return the (B, C, H, W) map of every stage, none normalised."""
        size = (features.shape[1], features.shape[2])
        tokens = features.flatten(1, 2)
        maps = []
        for stage in self._swin_stages():
            for i, block in enumerate(stage.blocks):
                # A grid within one window is not shifted: each cell sees all others as it is.
                is_shifted = i % 2 == 1 and min(size) > self.config.window_size
                shift = self.config.window_size // 2 if is_shifted else 0
                block.shift_size = shift  # type: ignore[assignment]
                tokens = run_block(
                    partial(_run_layer, block, size),
                    tokens,
                    recompute=self.activation_checkpointing,
                )
            maps.append(tokens.transpose(1, 2).reshape(len(tokens), -1, *size))
            if stage.downsample is not None:
                tokens = stage.downsample(tokens, size)
                size = (size[0] // 2, size[1] // 2)
        return maps


def _run_layer(block: nn.Module, size: tuple[int, int], tokens: Tensor) -> Tensor:
    # Always in windows, padded ones too: else a small input would change the window for good.
    output: Tensor = block(tokens, size, always_partition=True)[0]
    return output


def _make_stages(config: Config) -> nn.ModuleList:
    """Return transformers' stages, whose norms all have the paper's epsilon."""
    try:
        from transformers import SwinConfig, SwinModel
    except ImportError:
        raise ValueError(
            "the encoder 'swin' needs transformers: pip install transformers"
        ) from None
    sizes = SwinConfig(
        embed_dim=config.width,
        depths=config.depths,
        num_heads=config.num_attention_heads,
        window_size=config.window_size,
        drop_path_rate=config.drop_path,
        layer_norm_eps=NORM_EPS,
    )
    stages: nn.ModuleList = SwinModel(sizes, add_pooling_layer=False).encoder.layers
    for stage in stages:
        if stage.downsample is not None:
            stage.downsample.norm.eps = NORM_EPS  # type: ignore[union-attr]
    return stages
