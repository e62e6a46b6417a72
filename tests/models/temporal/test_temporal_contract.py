"""What every part behind an encoder promises; a new file in models/temporal is tested because it
is there."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
import torch
from torch import Tensor

import models.temporal
from models.temporal.temporal import Memory, Temporal, TemporalConfig

WIDTH, ROWS, COLUMNS = 16, 2, 3
TINY: dict[str, dict[str, Any]] = {
    "causal_transformer": {"depth": 2, "head_width": 8, "context_tokens": 8 * ROWS * COLUMNS},
    "conv_recurrent": {"state_width": 8},
}
"""Sizes at which a test is quick; a part that is not named is tested at its own."""
CHOICES = [
    info.name
    for info in pkgutil.iter_modules(models.temporal.__path__)
    if hasattr(importlib.import_module(f"models.temporal.{info.name}"), "Config")
]


@pytest.fixture(params=CHOICES)
def part(request: pytest.FixtureRequest) -> Temporal:
    config: TemporalConfig = importlib.import_module(f"models.temporal.{request.param}").Config(
        **TINY.get(request.param, {})
    )
    torch.manual_seed(0)
    part = config.build(WIDTH).eval()
    with torch.no_grad():
        for value in part.parameters():
            value.copy_(torch.randn_like(value) * 0.3)
    return part


def stream(part: Temporal, maps: Tensor, elapsed: Tensor) -> tuple[Tensor, Memory]:
    memory = part.empty_memory(len(maps), ROWS, COLUMNS)
    outputs = []
    for i in range(maps.shape[1]):
        output, memory = part.step(maps[:, i], elapsed[:, i], memory)
        outputs.append(output)
    return torch.stack(outputs, 1), memory


def maps_of(num_windows: int, batch_size: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch_size, num_windows, WIDTH, ROWS, COLUMNS, generator=generator)


def test_there_are_choices() -> None:
    assert {"causal_transformer", "conv_recurrent"} <= set(CHOICES)


@torch.no_grad()
def test_streaming_equals_the_offline_pass_with_gaps_of_each_length(part: Temporal) -> None:
    maps = maps_of(60)
    elapsed = torch.ones(2, 60)
    generator = torch.Generator().manual_seed(3)
    elapsed[1] = torch.randint(1, 4, (60,), generator=generator)
    elapsed[1, 20:23] = torch.tensor([7.0, 8.0, 9.0])
    elapsed[1, 40] = 1e9
    outputs, _ = stream(part, maps, elapsed)
    assert outputs.shape == maps.shape
    assert outputs.std() > 0.1
    torch.testing.assert_close(outputs, part.sequence(maps, elapsed), atol=2e-5, rtol=1e-5)


@torch.no_grad()
def test_what_is_remembered_tells_and_so_does_the_time_since(part: Temporal) -> None:
    maps = maps_of(4)
    outputs, memory = stream(part, maps, torch.ones(2, 4))
    assert not torch.allclose(outputs[:, 3], part.first(maps[:, 3]), atol=1e-3)
    soon, _ = part.step(maps[:, 0], torch.ones(2), memory)
    late, _ = part.step(maps[:, 0], torch.full((2,), 3.0), memory)
    assert not torch.allclose(soon, late, atol=1e-4)


@torch.no_grad()
def test_no_window_knows_of_a_later_one(part: Temporal) -> None:
    maps = maps_of(5)
    changed = maps.clone()
    changed[:, 3:] *= -1
    before, after = (part.sequence(each, torch.ones(2, 5)) for each in (maps, changed))
    torch.testing.assert_close(before[:, :3], after[:, :3])


@torch.no_grad()
def test_zeros_are_the_memory_of_nothing_and_sizes_never_change(part: Temporal) -> None:
    empty = part.empty_memory(2, ROWS, COLUMNS)
    assert all(not value.any() for value in empty.values())
    _, memory = stream(part, maps_of(3), torch.ones(2, 3))
    assert all(not value.any() for value in empty.values())
    for name, value in empty.items():
        assert (memory[name].shape, memory[name].dtype) == (value.shape, value.dtype)
        assert memory[name].any()


@torch.no_grad()
def test_the_time_before_the_first_window_is_of_no_account(part: Temporal) -> None:
    maps = maps_of(1)[:, 0]
    late, memory = part.step(maps, torch.full((2,), 9.0), part.empty_memory(2, ROWS, COLUMNS))
    assert torch.equal(late, part.first(maps))
    expected = part.step(maps, torch.ones(2), part.empty_memory(2, ROWS, COLUMNS))[1]
    assert all(torch.equal(memory[name], value) for name, value in expected.items())


@torch.no_grad()
def test_streams_of_a_batch_are_strangers(part: Temporal) -> None:
    maps, elapsed = maps_of(12), torch.tensor([[1.0] * 12, [2.0] * 12])
    together, _ = stream(part, maps, elapsed)
    alone, _ = stream(part, maps[1:], elapsed[1:])
    torch.testing.assert_close(together[1:], alone)


def test_a_lone_window_keeps_its_shape_and_every_parameter_learns(part: Temporal) -> None:
    part.train()
    part.freeze_unread()
    maps = maps_of(3)
    assert part.frame(maps[:, 0]).shape == maps[:, 0].shape
    outputs, _ = stream(part, maps, torch.ones(2, 3))
    outputs[:, -1].square().sum().backward()
    learning = [value for value in part.parameters() if value.requires_grad]
    assert learning
    assert all(value.grad is not None for value in learning)
