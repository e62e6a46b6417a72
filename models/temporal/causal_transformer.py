"""A causal transformer over the tokens of many frames; streamed, or run over one frame alone.

Source: "Generative Event Pretraining with Foundation Model Alignment" (GEP), arXiv 2603.23032,
stage 2: 12 pre-norm blocks, SwiGLU, learned positions and modalities, LayerNorm, a linear head.
SwiGLU: Shazeer, "GLU Variants Improve Transformer", arXiv 2002.05202.
"""

# B batch, S windows of a sequence, N tokens, D width of a token, H attention heads (rows of a map),
# W columns of a map, L tokens of context, K width of a head

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, silu

from models.temporal.temporal import Memory, Temporal, TemporalConfig
from models.temporal.token_memory import empty_token_memory, pass_over, stream_window

MLP_MULTIPLE = 256


class Modality(IntEnum):
    """What a token is of, as GEP numbers it."""

    BOUNDARY = 0
    """A start (SOS) or an end (EOS): zeros between frames or sequences."""
    VIDEO_IMAGE = 1
    VIDEO_EVENTS = 2
    STATIC_IMAGE = 3
    """A still picture, such as ImageNet's."""
    STATIC_EVENTS = 4


@dataclass(frozen=True, kw_only=True)
class Config(TemporalConfig):
    """Sizes; the width of a token is the encoder's."""

    depth: int = 12
    """Blocks."""
    head_width: int = 64
    """Of an attention head: 6 heads at width 384, 12 at 768."""
    context_tokens: int = 4096
    """L: the most tokens that see one another, and as many learned positions."""
    frame_modality: int = int(Modality.VIDEO_EVENTS)
    """What the tokens of a lone frame are said to be."""

    def __post_init__(self) -> None:
        for name in ("depth", "head_width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.context_tokens < 2 or self.context_tokens % 2:
            raise ValueError(f"context_tokens must be even, from 2, got {self.context_tokens}")
        if self.frame_modality not in list(Modality):
            raise ValueError(f"frame_modality must lie in 0 to 4, got {self.frame_modality}")

    def build(self, width: int) -> CausalTransformer:
        """Return a randomly initialised transformer over tokens of ``width``.

        Raises:
            ValueError: ``width`` is no multiple of ``head_width``.
        """
        if width % self.head_width:
            raise ValueError(
                f"the encoder's tokens of width {width} do not divide into heads of "
                f"{self.head_width}: set head_width to a divisor"
            )
        return CausalTransformer(self, width)


class CausalTransformer(Temporal):
    """Tells what each token means after those before it, and which one follows."""

    def __init__(self, config: Config, width: int) -> None:
        super().__init__()
        self.config = config
        self.width = width
        self.positions = nn.Embedding(config.context_tokens, width)
        self.modalities = nn.Embedding(len(Modality), width)
        self.blocks = nn.ModuleList(Block(width, config.head_width) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, width)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    @property
    def layers(self) -> list[Block]:
        """The blocks, in order."""
        return [cast(Block, block) for block in self.blocks]

    def forward(self, tokens_BND: Tensor, modality_BN: Tensor) -> Tensor:
        """Return head(h_n), the prediction of each token's successor: (B, N, D)."""
        predicted: Tensor = self.head(self.hidden(tokens_BND, modality_BN))
        return predicted

    def hidden(
        self,
        tokens_BND: Tensor,
        modality_BN: Tensor,
        *,
        is_causal: bool = True,
        place_N: Tensor | None = None,
    ) -> Tensor:
        """Return h, the (B, N, D) normalised output of the last block.

        Args:
            tokens_BND: N may be anything up to the context.
            modality_BN: Modality of each token.
            is_causal: Whether a token sees only those before it.
            place_N: Position of each token, rising; None is 0, 1...

        Raises:
            ValueError: there are more tokens than positions.
        """
        num = tokens_BND.shape[1]
        # An export for any input size must not decide by this one's.
        if not torch.compiler.is_exporting() and num > self.config.context_tokens:
            raise ValueError(
                f"got {num} tokens, context_tokens is {self.config.context_tokens}: "
                "give fewer, or train with a longer context"
            )
        at = self.positions.weight[:num] if place_N is None else self.positions(place_N)
        x = tokens_BND + self.modalities(modality_BN) + at
        for block in self.layers:
            query, key, value = block.project(x)
            mixed = scaled_dot_product_attention(query, key, value, is_causal=is_causal)
            x = block.finish(x, mixed)
        hidden: Tensor = self.norm(x)
        return hidden

    def frame(self, map_BDHW: Tensor) -> Tensor:
        """Return the map of one window after its tokens saw each other, all of them.

        The downstream use of GEP: not causal, modality of events, and without the head, whose
        work is prediction. Its classifiers take Linear(mean_n frame(patches)_n + class token).
        """
        tokens = _tokens_of(map_BDHW)
        return _map_of(self.hidden(tokens, self._kinds(tokens), is_causal=False), map_BDHW)

    def empty_memory(self, batch_size: int, height: int, width: int) -> Memory:
        return empty_token_memory(self, batch_size, height * width)

    def step(self, map_BDHW: Tensor, elapsed_B: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Return the map of a stream's next window; causal in each token, as in pretraining."""
        tokens = _tokens_of(map_BDHW)
        hidden, memory = stream_window(self, tokens, self._kinds(tokens), elapsed_B, memory)
        return _map_of(hidden, map_BDHW), memory

    def sequence(self, maps_BSDHW: Tensor, elapsed_BS: Tensor) -> Tensor:
        rows = []
        for maps_SDHW, elapsed_S in zip(maps_BSDHW, elapsed_BS.tolist(), strict=True):
            tokens = _tokens_of(maps_SDHW)
            hidden = pass_over(self, tokens, self.config.frame_modality, elapsed_S)
            rows.append(_map_of(hidden, maps_SDHW))
        return torch.stack(rows)

    def freeze_unread(self) -> None:
        self.head.requires_grad_(False)

    def _kinds(self, tokens_BND: Tensor) -> Tensor:
        shape, kind = tokens_BND.shape[:2], self.config.frame_modality
        return torch.full(shape, kind, device=tokens_BND.device)


def _tokens_of(map_BDHW: Tensor) -> Tensor:
    return map_BDHW.flatten(2).transpose(1, 2)


def _map_of(tokens_BND: Tensor, like_BDHW: Tensor) -> Tensor:
    return torch.unflatten(tokens_BND.transpose(1, 2), 2, like_BDHW.shape[2:])


class Block(nn.Module):
    """Pre-norm attention and SwiGLU; its attention is left to the caller, who may hold a cache."""

    def __init__(self, width: int, head_width: int) -> None:
        super().__init__()
        self.num_heads = width // head_width
        inner = swiglu_width(width)
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.gate_and_up = nn.Linear(width, 2 * inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def project(self, x_BND: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, key and value, each (B, H, N, K)."""
        projected = self.qkv(self.norm1(x_BND)).unflatten(2, (3, self.num_heads, -1))
        query, key, value = projected.permute(2, 0, 3, 1, 4).unbind(0)
        return query, key, value

    def finish(self, x_BND: Tensor, mixed_BHNK: Tensor) -> Tensor:
        """Return the block's output, given what attention mixed."""
        x_BND = x_BND + self.out(mixed_BHNK.transpose(1, 2).flatten(2))
        gate, up = self.gate_and_up(self.norm2(x_BND)).chunk(2, dim=-1)
        widened: Tensor = self.down(silu(gate) * up)
        return x_BND + widened


def swiglu_width(width: int) -> int:
    """Return 2/3 of 4 times ``width``, rounded up to a multiple of 256: 1024 for 384."""
    return -(-int(8 * width / 3) // MLP_MULTIPLE) * MLP_MULTIPLE
