"""Streaming through a causal transformer: keys and values of the past, at constant cost a window.

**What a window sees.** Learned positions are absolute and end at the context's length, and a key
that was computed at one position cannot move to another. So that every window is exactly what the
full causal pass over its visible past would give, two contexts run side by side, each begun half a
context after the other; the longer one answers. When it is full it is emptied, the other takes
over, and its visible past falls back to a half. Windows are numbered from a stream's start. With R
windows in a context and half = R / 2, window t belongs to a context that began at
``half * max(t // half - 1, 0)``: until R windows have passed everything is seen, later always
between R / 2 and R windows.

**Windows that are missing** are numbered too. Their positions stay empty and are masked, so that
what is seen keeps its true distance in time, which is what positions mean. A gap as long as the
context leaves nothing to be seen: the stream begins anew, at number 0.

Alternatives weaken one of the two: cutting off old keys lets those that stay remember what was cut
and needs positions that training never saw; starting anew on what is kept costs a long pass now
and then; closing the gaps says that what is long past has just been.

Both contexts keep window t in slot ``t % R``; only the positions that its keys were made with
differ. A slot is rewritten by a mask and not by an index: each parser of engines reads that.
"""

# S = 2 contexts (in pass_over: windows of a stream), B batch, N tokens of a window, D width,
# H heads, K head width, L tokens and R windows of a context

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from models.temporal.temporal import Memory

if TYPE_CHECKING:
    from models.temporal.causal_transformer import CausalTransformer

NUM_CONTEXTS = 2


def empty_token_memory(model: CausalTransformer, batch_size: int, num_tokens: int) -> Memory:
    """Return the memory of streams that have not begun, of windows of ``num_tokens``.

    ``keys`` and ``values`` are (blocks, S * B, H, L, K), ``num_seen`` (B,) int32 the windows so
    far, missing ones too, and ``written`` (B, R) int32 the number of each slot's window plus 1.

    Raises:
        ValueError: the tokens do not divide half the context.
    """
    config, like = model.config, model.head.weight
    half = config.context_tokens // 2
    if half % num_tokens:
        raise ValueError(
            f"{num_tokens} tokens a window do not divide half the context, {half}: "
            "set context_tokens to an even multiple"
        )
    num_heads, rows = model.width // config.head_width, NUM_CONTEXTS * batch_size
    shape = (config.depth, rows, num_heads, config.context_tokens, config.head_width)
    num_slots = config.context_tokens // num_tokens
    return {
        "keys": like.new_zeros(shape),
        "values": like.new_zeros(shape),
        "num_seen": like.new_zeros(batch_size, dtype=torch.int32),
        "written": like.new_zeros(batch_size, num_slots, dtype=torch.int32),
    }


def visible_start(number: int, num_slots: int) -> int:
    """Return the first window that window ``number`` sees: where its context began."""
    half = num_slots // 2
    return half * max(number // half - 1, 0)


def stream_window(
    model: CausalTransformer,
    tokens_BND: Tensor,
    modality_BN: Tensor,
    elapsed_B: Tensor,
    memory: Memory,
) -> tuple[Tensor, Memory]:
    """Return h of a stream's next tokens, (B, N, D) as ``hidden`` gives it, and the memory.

    Args:
        model: Whose ``head`` makes predictions of h.
        tokens_BND: One window's.
        modality_BN: Modality of each token.
        elapsed_B: Windows since the one before: more than 1 where some are missing.
        memory: Of the stream so far; left as it is.
    """
    arrival = _arrive(elapsed_B, memory)
    num = tokens_BND.shape[1]
    visible = _visible(arrival, num)
    place = arrival.age_SB[:, :, None] * num + torch.arange(num, device=tokens_BND.device)
    entered = tokens_BND + model.modalities(modality_BN)
    x = (entered + model.positions(place)).flatten(0, 1)
    is_here = arrival.is_here_BR.repeat(NUM_CONTEXTS, 1)[:, None, :, None, None]

    def put(slots: Tensor, new: Tensor) -> Tensor:
        by_window = torch.unflatten(slots, 2, (-1, num))
        return torch.where(is_here, new[:, :, None], by_window).flatten(2, 3)

    all_keys, all_values = [], []
    for i, block in enumerate(model.layers):
        query, key, value = block.project(x)
        all_keys.append(put(memory["keys"][i], key))
        all_values.append(put(memory["values"][i], value))
        mixed = scaled_dot_product_attention(query, all_keys[-1], all_values[-1], attn_mask=visible)
        x = block.finish(x, mixed)
    first, second = model.norm(x).unflatten(0, (NUM_CONTEXTS, -1)).unbind(0)
    hidden = torch.where(arrival.is_second_B[:, None, None], second, first)
    return hidden, {
        "keys": torch.stack(all_keys),
        "values": torch.stack(all_values),
        "num_seen": arrival.number_B + 1,
        "written": arrival.written_BR,
    }


class _Arrival(NamedTuple):
    """Where a window comes to stand."""

    number_B: Tensor
    """Its number."""
    is_here_BR: Tensor
    """Which slot is its own."""
    written_BR: Tensor
    """The memory's ``written``, with it."""
    age_SB: Tensor
    """Windows since each context began."""
    is_second_B: Tensor
    """Whether the second context is the longer one."""


def _arrive(elapsed_B: Tensor, memory: Memory) -> _Arrival:
    before_B, written_BR = memory["num_seen"], memory["written"]
    num_slots = written_BR.shape[1]
    step_B = elapsed_B.clamp(1, num_slots).round().to(torch.int32)
    begins_B = (before_B == 0) | (step_B >= num_slots)
    number_B = torch.where(begins_B, 0, before_B + step_B - 1)
    first_age_B = number_B % num_slots
    second_age_B = (number_B + num_slots // 2) % num_slots
    slot_R = torch.arange(num_slots, dtype=torch.int32, device=number_B.device)
    is_here_BR = slot_R == first_age_B[:, None]
    kept_BR = torch.where(begins_B[:, None], 0, written_BR)
    return _Arrival(
        number_B=number_B,
        is_here_BR=is_here_BR,
        written_BR=torch.where(is_here_BR, number_B[:, None] + 1, kept_BR),
        age_SB=torch.stack([first_age_B, second_age_B]),
        is_second_B=(number_B >= num_slots) & (first_age_B < num_slots // 2),
    )


def _visible(arrival: _Arrival, num_tokens: int) -> Tensor:
    """Return the (S * B, 1, N, L) mask of what each token sees: the past, and those before it."""
    start_SB = arrival.number_B - arrival.age_SB
    past_SBR = (arrival.written_BR > start_SB[:, :, None]) & ~arrival.is_here_BR
    before_NN = torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=past_SBR.device).tril()
    own_BNRN = arrival.is_here_BR[:, None, :, None] & before_NN[:, None, :]
    visible = past_SBR[:, :, None, :, None] | own_BNRN
    return visible.flatten(3, 4).flatten(0, 1).unsqueeze(1)


def pass_over(
    model: CausalTransformer, tokens_SND: Tensor, modality: int, elapsed: Sequence[float]
) -> Tensor:
    """Return h of all windows of one stream, (S, N, D), by full causal passes without a memory.

    Args:
        model: Run once for every half context.
        tokens_SND: Of each window.
        modality: Of all tokens.
        elapsed: Windows since the one before, of each.
    """
    num = tokens_SND.shape[1]
    num_slots = model.config.context_tokens // num
    outputs = []
    for span, numbers in _numbered(elapsed, num_slots):
        half_S = torch.tensor(numbers, device=tokens_SND.device) // (num_slots // 2)
        for half in sorted(set(half_S.tolist())):
            start = visible_start(half * (num_slots // 2), num_slots)
            seen_S = torch.tensor([start <= each for each in numbers], device=half_S.device)
            seen_S &= half_S <= half
            tokens = tokens_SND[span][seen_S].flatten(0, 1)[None]
            first = torch.tensor(numbers, device=half_S.device)[seen_S] - start
            place = (first[:, None] * num + torch.arange(num, device=first.device)).flatten()
            kinds = torch.full(tokens.shape[:2], modality, device=tokens.device)
            hidden = model.hidden(tokens, kinds, place_N=place)[0]
            hidden = torch.unflatten(hidden, 0, (-1, num))
            outputs.append(hidden[half_S[seen_S] == half])
    return torch.cat(outputs)


def _numbered(elapsed: Sequence[float], num_slots: int) -> list[tuple[slice, list[int]]]:
    """Return the stretches that no gap as long as a context divides, and their windows' numbers."""
    steps = [round(min(max(each, 1), num_slots)) for each in elapsed]
    begins = [i for i, step in enumerate(steps) if i == 0 or step >= num_slots]
    stretches = []
    for first, end in pairwise([*begins, len(steps)]):
        numbers = [0]
        for step in steps[first + 1 : end]:
            numbers.append(numbers[-1] + step)
        stretches.append((slice(first, end), numbers))
    return stretches
