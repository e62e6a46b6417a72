"""DINOv2's vision transformer, with registers or without.

Sources: Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", arXiv
2304.07193; Darcet et al., "Vision Transformers Need Registers", arXiv 2309.16588. The blocks are
transformers' Dinov2Model and Dinov2WithRegistersModel.
"""

# B batch, D width of a token, N patches

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from models.encoders.encoder import Encoder
from models.positions import PositionMode, resized_positions
from models.transformer_encoder import TransformerConfig, TransformerEncoder


@dataclass(frozen=True, kw_only=True)
class Config(TransformerConfig):
    """Sizes; the defaults are ViT-S/14 with four registers."""

    MODEL_TYPES: ClassVar[tuple[str, ...]] = ("dinov2", "dinov2_with_registers")
    SIZES: ClassVar[dict[str, str]] = {
        "width": "hidden_size",
        "depth": "num_hidden_layers",
        "num_attention_heads": "num_attention_heads",
        "patch_size": "patch_size",
        "mlp_ratio": "mlp_ratio",
        "image_size": "image_size",
        "num_registers": "num_register_tokens",
        "is_gated": "use_swiglu_ffn",
    }

    width: int = 384
    """Of a token."""
    depth: int = 12
    """Blocks."""
    num_attention_heads: int = 6
    """Of each block; they share the token's width."""
    patch_size: int = 14
    """Side in pixels."""
    mlp_ratio: int = 4
    """Width of a perceptron's hidden layer, in widths of a token."""
    is_gated: bool = False
    """Whether perceptrons are SwiGLU, as those of the giant size."""
    num_registers: int = 4
    """Tokens without a meaning of their own; 0 is the first DINOv2."""
    image_size: int = 518
    """Side of the square whose grid of patches has a learned position each; other grids
    interpolate it."""
    position_mode: PositionMode | None = None
    """How positions are interpolated; None is as published: antialiased where there are registers,
    bicubic where there are none."""
    drop_path: float = 0.0
    """Share of samples that skip a block while training."""

    def build(self, num_channels: int) -> Encoder:
        """Return a randomly initialised encoder for ``num_channels`` input channels."""
        return DinoV2Encoder(self, num_channels)


def small() -> Config:
    """Return ViT-S/14 with four registers."""
    return Config()


def base() -> Config:
    """Return ViT-B/14 with four registers."""
    return Config(width=768, num_attention_heads=12)


def large() -> Config:
    """Return ViT-L/14 with four registers."""
    return Config(width=1024, depth=24, num_attention_heads=16)


class DinoV2Encoder(TransformerEncoder):
    """Learned positions, interpolated; a class token and registers before the patches."""

    UNUSED = ("embeddings.mask_token",)  # stands for hidden patches, of which an encoder has none

    def __init__(self, config: Config, num_channels: int) -> None:
        super().__init__(config, _make_model(config, num_channels), 1 + config.num_registers)
        default: PositionMode = "antialiased" if config.num_registers else "bicubic"
        self.position_mode = config.position_mode or default
        if self.position_mode == "bilinear":
            self.one_size_reason = (
                "GEP's positions are interpolated at every size but the table's own"
            )

    @property
    def patches(self) -> nn.Conv2d:
        return cast(nn.Conv2d, self.model.get_submodule("embeddings.patch_embeddings.projection"))

    @property
    def blocks(self) -> nn.ModuleList:
        return cast(nn.ModuleList, self.model.get_submodule("encoder.layer"))

    @property
    def last_norm(self) -> nn.Module:
        return self.model.get_submodule("layernorm")

    def positions(self, events: Tensor) -> tuple[Tensor, ...]:
        table = self.model.get_parameter("embeddings.position_embeddings")
        return (resized_positions(table, *self._grid(events), self.position_mode),)

    def start(
        self, patches_BND: Tensor, positions: tuple[Tensor, ...]
    ) -> tuple[Tensor, dict[str, Any]]:
        (positions_1TD,) = positions
        batch_size = patches_BND.shape[0]
        first = self.model.get_parameter("embeddings.cls_token") + positions_1TD[:, :1]
        parts = [first.expand(batch_size, -1, -1)]
        if self.num_prefix > 1:
            registers = self.model.get_parameter("embeddings.register_tokens")
            parts.append(registers.expand(batch_size, -1, -1))
        return torch.cat([*parts, patches_BND + positions_1TD[:, 1:]], dim=1), {}


def _make_model(config: Config, num_channels: int) -> nn.Module:
    from transformers import (
        Dinov2Config,
        Dinov2Model,
        Dinov2WithRegistersConfig,
        Dinov2WithRegistersModel,
    )

    sizes = {theirs: getattr(config, ours) for ours, theirs in config.SIZES.items()}
    sizes |= {"num_channels": num_channels, "drop_path_rate": config.drop_path}
    if config.num_registers:
        model: nn.Module = Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**sizes))
    else:
        del sizes["num_register_tokens"]
        model = Dinov2Model(Dinov2Config(**sizes))
    model.get_submodule("embeddings").register_parameter("mask_token", None)
    return model
