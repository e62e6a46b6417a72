"""Random checkpoints in the layouts of published code, and what that code computes of them.

Names and shapes are those of facebookresearch/dinov2, facebookresearch/dinov3 and openai/CLIP; the
networks are written out here in float64 after their papers.
"""

# N tokens, D width, H heads

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Array = npt.NDArray[np.float64]
State = dict[str, Tensor]


def random_state(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> State:
    """Norms near one, all else small enough that nothing saturates."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        value = 0.3 * torch.randn(shape, generator=generator)
        is_gain = "norm" in name or "ln_" in name or "gamma" in name
        state[name] = value + 1 if is_gain and name.endswith(("weight", "gamma")) else value
    return state


def pair(name: str, num_outputs: int, *inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (num_outputs, *inputs), f"{name}.bias": (num_outputs,)}


def dino_shapes(width: int, depth: int, patch: int) -> dict[str, tuple[int, ...]]:
    shapes = {"cls_token": (1, 1, width), "mask_token": (1, width)}
    shapes |= pair("patch_embed.proj", width, 3, patch, patch) | pair("norm", width)
    for i in range(depth):
        block = f"blocks.{i}"
        shapes |= pair(f"{block}.norm1", width) | pair(f"{block}.norm2", width)
        shapes |= pair(f"{block}.attn.qkv", 3 * width, width)
        shapes |= pair(f"{block}.attn.proj", width, width)
        shapes |= pair(f"{block}.mlp.fc1", 4 * width, width)
        shapes |= pair(f"{block}.mlp.fc2", width, 4 * width)
        shapes |= {f"{block}.ls1.gamma": (width,), f"{block}.ls2.gamma": (width,)}
    return shapes


def dinov2_shapes(width: int, depth: int, grid: int = 37) -> dict[str, tuple[int, ...]]:
    more = {"pos_embed": (1, grid**2 + 1, width), "register_tokens": (1, 4, width)}
    return dino_shapes(width, depth, 14) | more


def dinov3_shapes(width: int, depth: int) -> dict[str, tuple[int, ...]]:
    shapes = dino_shapes(width, depth, 16)
    shapes |= {"storage_tokens": (1, 4, width), "rope_embed.periods": (16,)}
    return shapes | {f"blocks.{i}.attn.qkv.bias_mask": (3 * width,) for i in range(depth)}


def dinov3_state(width: int, depth: int) -> State:
    state = random_state(dinov3_shapes(width, depth))
    mask = torch.cat([torch.ones(width), torch.zeros(width), torch.ones(width)])
    state |= {f"blocks.{i}.attn.qkv.bias_mask": mask.clone() for i in range(depth)}
    return state | {"rope_embed.periods": 100.0 ** (torch.arange(16) / 16)}


def clip_tower_shapes(
    width: int, depth: int, patch: int, embedding: int, grid: int
) -> dict[str, tuple[int, ...]]:
    shapes = {"class_embedding": (width,), "positional_embedding": (grid**2 + 1, width)}
    shapes |= {"proj": (width, embedding), "conv1.weight": (width, 3, patch, patch)}
    shapes |= pair("ln_pre", width) | pair("ln_post", width)
    for i in range(depth):
        block = f"transformer.resblocks.{i}"
        shapes |= {
            f"{block}.attn.in_proj_weight": (3 * width, width),
            f"{block}.attn.in_proj_bias": (3 * width,),
        }
        shapes |= pair(f"{block}.attn.out_proj", width, width)
        shapes |= pair(f"{block}.mlp.c_fc", 4 * width, width)
        shapes |= pair(f"{block}.mlp.c_proj", width, 4 * width)
        shapes |= pair(f"{block}.ln_1", width) | pair(f"{block}.ln_2", width)
    return shapes


def clip_state(
    width: int = 64, depth: int = 2, patch: int = 16, embedding: int = 24, seed: int = 0
) -> State:
    tower = clip_tower_shapes(width, depth, patch, embedding, 3)
    text = {"text_projection": (8, embedding), "positional_embedding": (7, 8), "logit_scale": ()}
    text |= {"token_embedding.weight": (11, 8)} | pair("ln_final", 8)
    text |= pair("transformer.resblocks.0.ln_1", 8)
    return random_state({f"visual.{name}": shape for name, shape in tower.items()} | text, seed)


def float64(state: State) -> dict[str, Array]:
    return {name: value.double().numpy() for name, value in state.items()}


def norm(x: Array, w: dict[str, Array], name: str, eps: float) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return centred / deviation * w[f"{name}.weight"] + w[f"{name}.bias"]


def linear(x: Array, w: dict[str, Array], name: str) -> Array:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def patches(image_CHW: Array, weight_DCPP: Array) -> Array:
    """(N, D): every patch's sum of products, row by row."""
    size = weight_DCPP.shape[-1]
    _, height, width = image_CHW.shape
    rows = [
        np.tensordot(weight_DCPP, image_CHW[:, y : y + size, x : x + size], 3)
        for y in range(0, height, size)
        for x in range(0, width, size)
    ]
    return np.stack(rows)


def attend(q_ND: Array, k_ND: Array, v_ND: Array, num_heads: int) -> Array:
    num_tokens, width = q_ND.shape
    q, k, v = (each.reshape(num_tokens, num_heads, -1) for each in (q_ND, k_ND, v_ND))
    logits = np.einsum("nhd,mhd->hnm", q, k) / math.sqrt(width // num_heads)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return np.einsum("hnm,mhd->nhd", weights, v).reshape(num_tokens, width)


def gelu(x: Array) -> Array:
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def quick_gelu(x: Array) -> Array:
    return x / (1 + np.exp(-1.702 * x))
