"""Layers that several parts of a network share."""

# B batch, N tokens, D width of a token, C channels, H height, W width of a map

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def convolution(num_inputs: int, num_outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution with batch normalisation and a ReLU."""
    return nn.Sequential(
        nn.Conv2d(num_inputs, num_outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(num_outputs),
        nn.ReLU(inplace=True),
    )


class DropPath(nn.Module):
    """Drops a residual branch for some samples while training (Huang et al., ECCV 2016)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.probability == 0:
            return branch
        keep = 1 - self.probability
        shape = (len(branch),) + (1,) * (branch.ndim - 1)
        return branch * (torch.rand(shape, device=branch.device) < keep) / keep


class AttentionBlock(nn.Module):
    """Pre-norm self-attention and a two-layer perceptron over (B, N, D) tokens."""

    def __init__(
        self, width: int, num_heads: int, drop_path: float = 0.0, *, norm_eps: float = 1e-5
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm1 = nn.LayerNorm(width, norm_eps)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, norm_eps)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.drop = DropPath(drop_path)

    def forward(self, tokens_BND: Tensor) -> Tensor:
        B, N, D = tokens_BND.shape
        qkv = self.qkv(self.norm1(tokens_BND)).reshape(B, N, 3, self.num_heads, D // self.num_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        tokens_BND = tokens_BND + self.drop(self.out(mixed.transpose(1, 2).reshape(B, N, D)))
        widened: Tensor = self.drop(self.mlp(self.norm2(tokens_BND)))
        return tokens_BND + widened


class PatchEmbedding(nn.Module):
    """Non-overlapping patches to vectors: a convolution, LayerNorm and GELU, as ConvMAE has it.

    Source: Gao et al., "ConvMAE: Masked Convolution Meets Masked Autoencoders", NeurIPS 2022.
    """

    def __init__(self, num_channels: int, width: int, patch_size: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(num_channels, width, patch_size, patch_size)
        self.norm = ChannelNorm(width)

    def forward(self, features_BCHW: Tensor) -> Tensor:
        return nn.functional.gelu(self.norm(self.project(features_BCHW)))


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of each cell of a (B, C, H, W) map."""

    def forward(self, features_BCHW: Tensor) -> Tensor:
        return super().forward(features_BCHW.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def run_block(block: Callable[[Tensor], Tensor], tokens: Tensor, *, recompute: bool) -> Tensor:
    """Return ``block(tokens)``; with ``recompute`` the backward pass computes its inside again."""
    if recompute and torch.is_grad_enabled():
        output: Tensor = checkpoint(block, tokens, use_reentrant=False)
        return output
    return block(tokens)


def sincos_positions(height: int, width: int, num_features: int, like: Tensor) -> Tensor:
    """Return the (height * width, num_features) fixed positions of a grid of tokens, row by row.

    The first half speaks of the column, the second of the row, each as sines then cosines of the
    index times 10000^(-i / (num_features / 4)). Any grid has its own; none is interpolated.

    Source: Chen et al., "An Empirical Study of Training Self-Supervised Vision Transformers",
    ICCV 2021 (MoCo v3), as used by the masked autoencoders.

    Args:
        height: Rows of tokens.
        width: Columns of tokens.
        num_features: D, a multiple of 4.
        like: Gives the device and the dtype.
    """
    quarter = torch.arange(num_features // 4, device=like.device, dtype=torch.float32)
    frequency = 10_000.0 ** (-quarter / (num_features // 4))

    def along(length: int) -> Tensor:
        index = torch.arange(length, device=like.device, dtype=torch.float32)
        phase = index[:, None] * frequency
        return torch.cat([phase.sin(), phase.cos()], dim=1)

    columns = along(width)[None].expand(height, -1, -1)
    rows = along(height)[:, None].expand(-1, width, -1)
    return torch.cat([columns, rows], dim=2).flatten(0, 1).to(like.dtype)


def gather_tokens(tokens_BND: Tensor, index_BM: Tensor) -> Tensor:
    """Return the (B, M, D) tokens at int64 indices."""
    return tokens_BND.gather(1, index_BM[:, :, None].expand(-1, -1, tokens_BND.shape[2]))


@torch.no_grad()
def initialize_xavier(module: nn.Module) -> None:
    """Xavier-uniform weights and zero biases for every linear layer and patch embedding below.

    Source: the masked autoencoders' initialisation, after the official JAX ViT.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, PatchEmbedding):
            nn.init.xavier_uniform_(part.project.weight.flatten(1))
