"""Starting a CLIP image tower from a vision transformer of DINOv2's architecture."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def start_tower(tower: Any, network: Any, pixels_B3HW: Tensor) -> None:
    """Fill transformers' CLIP vision model with the weights of a Dinov2 one of the same sizes.

    CLIP has no registers, no layer scale and no patch bias: the first are dropped, the others go
    into the layers beside them. Its LayerNorm before the blocks, which DINOv2 has not, is scaled so
    that ``pixels_B3HW``, normalised pictures, keep the spread that they had.

    Raises:
        ValueError: the sizes differ.
    """
    source = network.embeddings
    target = tower.embeddings
    if source.position_embeddings.shape[1:] != target.position_embedding.weight.shape:
        raise ValueError(
            f"the image tower has positions of {tuple(target.position_embedding.weight.shape)}, "
            f"its start of {tuple(source.position_embeddings.shape[1:])}: choose equal sizes"
        )
    positions = source.position_embeddings[0].clone()
    positions[1:] += source.patch_embeddings.projection.bias
    target.position_embedding.weight.copy_(positions)
    target.class_embedding.copy_(source.cls_token[0, 0])
    target.patch_embedding.weight.copy_(source.patch_embeddings.projection.weight)
    for mine, theirs in zip(tower.encoder.layers, network.encoder.layer, strict=True):
        _start_block(mine, theirs)
    tower.post_layernorm.load_state_dict(network.layernorm.state_dict())
    spread = target(pixels_B3HW).std(-1).mean()
    tower.pre_layrnorm.weight.fill_(spread)
    tower.pre_layrnorm.bias.zero_()


def _start_block(mine: Any, theirs: Any) -> None:
    pairs = {
        mine.layer_norm1: theirs.norm1,
        mine.self_attn.q_proj: theirs.attention.q_proj,
        mine.self_attn.k_proj: theirs.attention.k_proj,
        mine.self_attn.v_proj: theirs.attention.v_proj,
        mine.self_attn.out_proj: theirs.attention.o_proj,
        mine.layer_norm2: theirs.norm2,
        mine.mlp.fc1: theirs.mlp.fc1,
        mine.mlp.fc2: theirs.mlp.fc2,
    }
    for target, source in pairs.items():
        target.load_state_dict(source.state_dict())
    for layer, scale in (
        (mine.self_attn.out_proj, theirs.layer_scale1.lambda1),
        (mine.mlp.fc2, theirs.layer_scale2.lambda1),
    ):
        layer.weight.mul_(scale[:, None])
        layer.bias.mul_(scale)
