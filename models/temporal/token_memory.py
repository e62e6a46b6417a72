"""Streaming through a causal transformer: keys and values of the past, at constant cost a window.

**What a window sees.** Learned positions are absolute and end at the context's length L, and a key
that was computed at one position cannot move to another. So that every window is exactly what the
full causal pass over its visible past would give, two contexts run side by side, each begun L / 2
tokens after the other; the longer one answers. When it is full it is emptied, the other takes over,
and its visible past falls back to L / 2. With half = L / 2, token t belongs to a context that began
at ``half * max(t // half - 1, 0)``: until L tokens have passed everything is seen, later always
between L / 2 and L tokens.

Alternatives weaken one of the two: cutting off old keys lets those that stay remember what was cut
and needs positions that training never saw; starting anew on what is kept costs a long pass now
and then.
"""

# S = 2 contexts, B batch, N tokens of a window, D width, H heads, L tokens of context, K head width

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from models.temporal.causal_transformer import CausalTransformer

NUM_CONTEXTS = 2


class TokenMemory(NamedTuple):
    """What a stream remembers: an engine's inputs ``memory_*`` and outputs ``next_memory_*``.

    Its tensors keep their shapes, whatever has been seen.
    """

    keys: Tensor
    """(blocks, S * B, H, L, K)."""
    values: Tensor
    """(blocks, S * B, H, L, K)."""
    num_seen: Tensor
    """() int64 tokens so far."""


def empty_memory(model: CausalTransformer, batch_size: int = 1) -> TokenMemory:
    """Return the memory of a stream that has not begun."""
    config, like = model.config, model.head.weight
    num_heads = model.width // config.head_width
    rows = NUM_CONTEXTS * batch_size
    shape = (config.depth, rows, num_heads, config.context_tokens, config.head_width)
    keys, values = (torch.zeros(shape, dtype=like.dtype, device=like.device) for _ in range(2))
    return TokenMemory(keys, values, torch.zeros((), dtype=torch.int64, device=like.device))


def visible_start(num_seen: int, context_tokens: int) -> int:
    """Return the first token that token ``num_seen`` sees: where its context began."""
    half = context_tokens // 2
    return half * max(num_seen // half - 1, 0)


def stream_window(
    model: CausalTransformer, tokens_BND: Tensor, modality_BN: Tensor, memory: TokenMemory
) -> tuple[Tensor, TokenMemory]:
    """Return h of the next tokens of a stream, (B, N, D) as ``hidden`` gives it, and the memory.

    Args:
        model: Whose ``head`` makes predictions of h.
        tokens_BND: One window's; N, the same in every call, divides half the context.
        modality_BN: Modality of each token.
        memory: Of the stream so far; left as it is.

    Raises:
        ValueError: N does not divide half the context.
    """
    length = model.config.context_tokens
    batch_size, num = tokens_BND.shape[:2]
    half = length // 2
    if half % num:
        raise ValueError(
            f"{num} tokens a window do not divide half the context, {half}: "
            "set context_tokens to an even multiple"
        )
    seen = memory.num_seen
    age_S = torch.stack([seen, seen - half]).remainder(length)  # of each context, before this
    place_SN = age_S[:, None] + torch.arange(num, device=seen.device)
    before_SNL = torch.arange(length, device=seen.device) <= place_SN[:, :, None]
    visible = before_SNL.repeat_interleave(batch_size, 0).unsqueeze(1)
    place = place_SN.repeat_interleave(batch_size, 0)
    entered = tokens_BND + model.modalities(modality_BN)
    x = entered.repeat(NUM_CONTEXTS, 1, 1) + model.positions(place)
    all_keys, all_values = [], []
    for i, block in enumerate(model.layers):
        query, key, value = block.project(x)
        index = place[:, None, :, None].expand_as(key)
        keys = memory.keys[i].scatter(2, index, key)
        values = memory.values[i].scatter(2, index, value)
        mixed = scaled_dot_product_attention(query, keys, values, attn_mask=visible)
        x = block.finish(x, mixed)
        all_keys.append(keys)
        all_values.append(values)
    first, second = model.norm(x).unflatten(0, (NUM_CONTEXTS, batch_size)).unbind(0)
    is_second = (seen >= length) & ((seen // half) % 2 == 0)
    hidden = torch.where(is_second, second, first)
    return hidden, TokenMemory(torch.stack(all_keys), torch.stack(all_values), seen + num)
