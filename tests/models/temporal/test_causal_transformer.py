from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from models.temporal.causal_transformer import CausalTransformer, Config, Modality, swiglu_width
from models.temporal.token_memory import empty_token_memory, stream_window, visible_start

WIDTH, WINDOW, CONTEXT = 16, 4, 32
SLOTS = CONTEXT // WINDOW
CONFIG = Config(depth=3, head_width=8, context_tokens=CONTEXT)


@pytest.fixture(scope="module")
def model() -> CausalTransformer:
    torch.manual_seed(0)
    model = CONFIG.build(WIDTH).eval()
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(torch.randn_like(value) * 0.3)
    return model


def film(num_tokens: int, batch_size: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randn(batch_size, num_tokens, WIDTH, generator=generator)
    return tokens, torch.randint(5, (batch_size, num_tokens), generator=generator)


def maps_of(batch_size: int, num_windows: int) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(batch_size, num_windows, WIDTH, 2, 2, generator=generator)


def streamed(model: CausalTransformer, tokens: Tensor, modality: Tensor) -> Tensor:
    memory = empty_token_memory(model, len(tokens), WINDOW)
    parts = []
    for window, kinds in zip(tokens.split(WINDOW, 1), modality.split(WINDOW, 1), strict=True):
        hidden, memory = stream_window(model, window, kinds, torch.ones(len(tokens)), memory)
        parts.append(hidden)
    return torch.cat(parts, 1)


@torch.no_grad()
def test_streaming_windows_equals_the_full_causal_pass(model: CausalTransformer) -> None:
    tokens, modality = film(CONTEXT)
    whole = model.hidden(tokens, modality)
    assert whole.std() > 0.1
    torch.testing.assert_close(streamed(model, tokens, modality), whole, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_after_the_context_is_full_each_window_is_the_pass_over_what_it_still_sees(
    model: CausalTransformer,
) -> None:
    tokens, modality = film(4 * CONTEXT + WINDOW, batch_size=1)
    outputs = streamed(model, tokens, modality)
    for first in range(0, tokens.shape[1], WINDOW):
        start, end = WINDOW * visible_start(first // WINDOW, SLOTS), first + WINDOW
        expected = model.hidden(tokens[:, start:end], modality[:, start:end])[:, -WINDOW:]
        torch.testing.assert_close(outputs[:, first:end], expected, atol=1e-5, rtol=1e-5)


def test_what_is_seen_is_all_at_first_and_then_between_half_and_the_whole_context() -> None:
    starts = [visible_start(number, SLOTS) for number in range(5 * SLOTS)]
    assert not any(starts[:SLOTS])
    spans = [number + 1 - start for number, start in enumerate(starts)][SLOTS:]
    assert (min(spans), max(spans)) == (SLOTS // 2 + 1, SLOTS)
    assert starts == sorted(starts)


@torch.no_grad()
def test_missing_windows_leave_their_positions_empty(model: CausalTransformer) -> None:
    (maps,) = maps_of(1, 6)
    elapsed = [1.0, 1, 3, 1, 1, 1]  # the third window is number 4: numbers 2 and 3 are missing
    outputs = model.sequence(maps[None], torch.tensor([elapsed]))[0]
    tokens = maps[:3].flatten(2).transpose(1, 2).flatten(0, 1)[None]
    place = torch.cat([torch.arange(8), torch.arange(16, 20)])
    kinds = torch.full((1, 12), Modality.VIDEO_EVENTS)
    expected = model.hidden(tokens, kinds, place_N=place)[0, -WINDOW:]
    torch.testing.assert_close(outputs[2].flatten(1).T, expected)
    closed = model.hidden(tokens, kinds)[0, -WINDOW:]
    assert not torch.allclose(expected, closed, atol=1e-3)


@torch.no_grad()
def test_a_gap_as_long_as_the_context_begins_anew(model: CausalTransformer) -> None:
    maps = maps_of(1, 5)
    long = model.sequence(maps, torch.tensor([[1.0, 1, 1, SLOTS, 1]]))
    fresh = model.sequence(maps[:, 3:], torch.ones(1, 2))
    assert torch.equal(long[:, 3:], fresh)
    short = model.sequence(maps, torch.tensor([[1.0, 1, 1, SLOTS - 1, 1]]))
    assert not torch.allclose(short[:, 3], fresh[:, 0], atol=1e-3)


def test_windows_that_would_straddle_the_change_of_contexts_are_refused(
    model: CausalTransformer,
) -> None:
    with pytest.raises(ValueError, match="6 tokens a window do not divide half the context, 16"):
        model.empty_memory(1, 2, 3)


@torch.no_grad()
def test_a_causal_token_knows_nothing_of_the_future_and_a_frame_s_token_all(
    model: CausalTransformer,
) -> None:
    tokens, modality = film(8)
    changed = tokens.clone()
    changed[:, -1] *= -1
    before, after = model(tokens, modality), model(changed, modality)
    torch.testing.assert_close(before[:, :-1], after[:, :-1])
    said = [model.frame(each.mT.unflatten(2, (2, 4)))[..., 0, 0] for each in (tokens, changed)]
    assert not torch.allclose(*said)


@torch.no_grad()
def test_position_and_modality_are_added_to_every_token(model: CausalTransformer) -> None:
    token = torch.zeros(1, 1, WIDTH)
    said = {kind: model.hidden(token, torch.tensor([[kind]])) for kind in Modality}
    assert not torch.allclose(said[Modality.VIDEO_IMAGE], said[Modality.VIDEO_EVENTS])
    twice = model.hidden(token.expand(1, 2, WIDTH), torch.tensor([[2, 2]]), is_causal=False)
    assert not torch.allclose(twice[:, 0], twice[:, 1])


def test_the_hidden_layer_has_the_published_widths() -> None:
    assert (swiglu_width(384), swiglu_width(768)) == (1024, 2048)
    published = sum(value.numel() for value in Config().build(384).parameters())
    assert published == 12 * (4 * 384**2 + 4 * 384 + 4 * 384 + 3 * 384 * 1024) + (
        (4096 + 5) * 384 + 2 * 384 + 384**2 + 384
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"depth": 0}, "depth must be at least 1, got 0"),
        ({"context_tokens": 7}, "context_tokens must be even, from 2, got 7"),
        ({"frame_modality": 5}, "frame_modality must lie in 0 to 4, got 5"),
    ],
)
def test_sizes_that_cannot_be_are_refused(values: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Config(**values)


def test_too_many_tokens_and_a_width_without_heads_are_one_line(model: CausalTransformer) -> None:
    tokens, modality = film(CONTEXT + 2)
    with pytest.raises(ValueError, match="got 34 tokens, context_tokens is 32"):
        model(tokens, modality)
    with pytest.raises(ValueError, match="width 20 do not divide into heads of 8"):
        CONFIG.build(20)


def test_the_transformer_is_its_equations_in_float64(model: CausalTransformer) -> None:
    tokens, modality = film(8, batch_size=1)
    weights = {name: value.double().numpy() for name, value in model.state_dict().items()}

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        unit = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return unit * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    x = tokens[0].double().numpy() + weights["modalities.weight"][modality[0].numpy()]
    x = x + weights["positions.weight"][:8]
    future = np.triu(np.ones((8, 8)), 1) * -1e9
    for block in (f"blocks.{i}" for i in range(CONFIG.depth)):
        query, key, value = np.split(linear(norm(x, f"{block}.norm1"), f"{block}.qkv"), 3, 1)
        heads = []
        for columns in (slice(0, 8), slice(8, 16)):
            scores = query[:, columns] @ key[:, columns].T / np.sqrt(8) + future
            powers = np.exp(scores - scores.max(1, keepdims=True))
            heads.append(powers / powers.sum(1, keepdims=True) @ value[:, columns])
        x = x + linear(np.concatenate(heads, 1), f"{block}.out")
        gate, up = np.split(linear(norm(x, f"{block}.norm2"), f"{block}.gate_and_up"), 2, 1)
        x = x + linear(gate / (1 + np.exp(-gate)) * up, f"{block}.down")
    expected = linear(norm(x, "norm"), "head")
    said = model(tokens, modality)[0].detach().numpy()
    np.testing.assert_allclose(said, expected, atol=1e-5)
