"""CLIP's image tower with the projection into the space that it shares with text.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
arXiv 2103.00020. The blocks are transformers' CLIPVisionModelWithProjection.
"""

# B batch, D width of a token, N patches, E width of the shared space

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from models.encoders.encoder import Encoder
from models.positions import resized_positions
from models.transformer_encoder import TransformerConfig, TransformerEncoder


@dataclass(frozen=True, kw_only=True)
class Config(TransformerConfig):
    """Sizes; the defaults are ViT-B/32."""

    MODEL_TYPES: ClassVar[tuple[str, ...]] = ("clip", "clip_vision_model")
    SIZES: ClassVar[dict[str, str]] = {
        "width": "hidden_size",
        "depth": "num_hidden_layers",
        "num_attention_heads": "num_attention_heads",
        "patch_size": "patch_size",
        "mlp_width": "intermediate_size",
        "image_size": "image_size",
        "embedding_width": "projection_dim",
        "activation": "hidden_act",
    }

    width: int = 768
    """Of a token."""
    depth: int = 12
    """Blocks."""
    num_attention_heads: int = 12
    """Of each block; they share the token's width."""
    patch_size: int = 32
    """Side in pixels."""
    mlp_width: int = 3072
    """Of a perceptron's hidden layer."""
    image_size: int = 224
    """Side of the square whose grid of patches has a learned position each; other grids
    interpolate it."""
    embedding_width: int = 512
    """Of the space shared with text."""
    activation: Literal["quick_gelu", "gelu"] = "quick_gelu"
    """Of the perceptrons: OpenAI's own models have quick_gelu, later ones gelu."""

    def build(self, num_channels: int) -> Encoder:
        """Return a randomly initialised encoder for ``num_channels`` input channels."""
        return ClipVisionEncoder(self, num_channels)


def b32() -> Config:
    """Return ViT-B/32."""
    return Config()


def l14() -> Config:
    """Return ViT-L/14."""
    return Config(
        width=1024,
        depth=24,
        num_attention_heads=16,
        patch_size=14,
        mlp_width=4096,
        embedding_width=768,
    )


class ClipVisionEncoder(TransformerEncoder):
    """Learned positions, a class token, a norm before the blocks.

    CLIP itself normalises only the class token at the end; here patches pass the same norm.
    """

    def __init__(self, config: Config, num_channels: int) -> None:
        super().__init__(config, _make_model(config, num_channels), num_prefix=1)

    @property
    def patches(self) -> nn.Conv2d:
        return cast(nn.Conv2d, self.model.get_submodule("vision_model.embeddings.patch_embedding"))

    @property
    def blocks(self) -> nn.ModuleList:
        return cast(nn.ModuleList, self.model.get_submodule("vision_model.encoder.layers"))

    @property
    def last_norm(self) -> nn.Module:
        return self.model.get_submodule("vision_model.post_layernorm")

    def positions(self, events: Tensor) -> tuple[Tensor, ...]:
        table = self.model.get_parameter("vision_model.embeddings.position_embedding.weight")
        return (resized_positions(table[None], *self._grid(events), "bicubic"),)

    def start(
        self, patches_BND: Tensor, positions: tuple[Tensor, ...]
    ) -> tuple[Tensor, dict[str, Any]]:
        (positions_1TD,) = positions
        first = self.model.get_parameter("vision_model.embeddings.class_embedding")
        tokens_BTD = torch.cat([first.expand(patches_BND.shape[0], 1, -1), patches_BND], dim=1)
        norm = self.model.get_submodule("vision_model.pre_layrnorm")
        return norm(tokens_BTD + positions_1TD), {"attention_mask": None}

    def embedding(self, prefix_BPD: Tensor) -> Tensor | None:
        embedding_BE: Tensor = self.model.get_submodule("visual_projection")(prefix_BPD[:, 0])
        return embedding_BE


def _make_model(config: Config, num_channels: int) -> nn.Module:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    sizes = {theirs: getattr(config, ours) for ours, theirs in config.SIZES.items()}
    model: nn.Module = CLIPVisionModelWithProjection(
        CLIPVisionConfig(**sizes, num_channels=num_channels)
    )
    return model
