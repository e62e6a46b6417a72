"""DINOv3's vision transformer: rotary positions, registers.

Source: Siméoni et al., "DINOv3", arXiv 2508.10104; positions as in Su et al., "RoFormer", arXiv
2104.09864, along both axes. The blocks are transformers' DINOv3ViTModel.
"""

# B batch, D width of a token, N patches

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from models.encoders.encoder import Encoder
from models.transformer_encoder import TransformerConfig, TransformerEncoder


@dataclass(frozen=True, kw_only=True)
class Config(TransformerConfig):
    """Sizes; the defaults are ViT-S/16."""

    MODEL_TYPES: ClassVar[tuple[str, ...]] = ("dinov3_vit",)
    SIZES: ClassVar[dict[str, str]] = {
        "width": "hidden_size",
        "depth": "num_hidden_layers",
        "num_attention_heads": "num_attention_heads",
        "patch_size": "patch_size",
        "mlp_width": "intermediate_size",
        "is_gated": "use_gated_mlp",
        "num_registers": "num_register_tokens",
        "rope_theta": "rope_theta",
    }

    width: int = 384
    """Of a token."""
    depth: int = 12
    """Blocks."""
    num_attention_heads: int = 6
    """Of each block; they share the token's width."""
    patch_size: int = 16
    """Side in pixels."""
    mlp_width: int = 1536
    """Of a perceptron's hidden layer."""
    is_gated: bool = False
    """Whether perceptrons are SwiGLU, as those of the S+ and H+ sizes."""
    num_registers: int = 4
    """Tokens without a meaning of their own."""
    rope_theta: float = 100.0
    """Base of the rotations' wavelengths."""
    rope_rescale: float | None = None
    """While training, positions are scaled by a random factor of 1 / this to this, which DINOv3's
    own training had at 2. None, unlike there: a student must see its teacher's positions."""
    drop_path: float = 0.0
    """Share of samples that skip a block while training."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % (4 * self.num_attention_heads):
            raise ValueError(
                "rotary positions need a width of a multiple of 4 for each head, got "
                f"{self.width} for {self.num_attention_heads} heads"
            )

    def build(self, num_channels: int) -> Encoder:
        """Return a randomly initialised encoder for ``num_channels`` input channels."""
        return DinoV3Encoder(self, num_channels)


def small() -> Config:
    """Return ViT-S/16."""
    return Config()


def base() -> Config:
    """Return ViT-B/16."""
    return Config(width=768, num_attention_heads=12, mlp_width=3072)


def large() -> Config:
    """Return ViT-L/16."""
    return Config(width=1024, depth=24, num_attention_heads=16, mlp_width=4096)


class DinoV3Encoder(TransformerEncoder):
    """Positions turn queries and keys in every block: any grid has its own."""

    UNUSED = ("embeddings.mask_token",)  # stands for hidden patches, of which an encoder has none

    def __init__(self, config: Config, num_channels: int) -> None:
        super().__init__(config, _make_model(config, num_channels), 1 + config.num_registers)

    @property
    def patches(self) -> nn.Conv2d:
        return cast(nn.Conv2d, self.model.get_submodule("embeddings.patch_embeddings"))

    @property
    def blocks(self) -> nn.ModuleList:
        return cast(nn.ModuleList, self.model.get_submodule("model.layer"))

    @property
    def last_norm(self) -> nn.Module:
        return self.model.get_submodule("norm")

    def positions(self, events: Tensor) -> tuple[Tensor, ...]:
        cosine, sine = self.model.get_submodule("rope_embeddings")(events)
        return cosine, sine

    def start(
        self, patches_BND: Tensor, positions: tuple[Tensor, ...]
    ) -> tuple[Tensor, dict[str, Any]]:
        batch_size = patches_BND.shape[0]
        prefix = [self.model.get_parameter("embeddings.cls_token")]
        if self.num_prefix > 1:
            prefix.append(self.model.get_parameter("embeddings.register_tokens"))
        parts = [token.expand(batch_size, -1, -1) for token in prefix]
        return torch.cat([*parts, patches_BND], dim=1), {"position_embeddings": positions}


def _make_model(config: Config, num_channels: int) -> nn.Module:
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    sizes = {theirs: getattr(config, ours) for ours, theirs in config.SIZES.items()}
    model: nn.Module = DINOv3ViTModel(
        DINOv3ViTConfig(
            **sizes,
            num_channels=num_channels,
            drop_path_rate=config.drop_path,
            pos_embed_rescale=config.rope_rescale,
        )
    )
    model.get_submodule("embeddings").register_parameter("mask_token", None)
    return model
