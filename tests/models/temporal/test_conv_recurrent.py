from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d

from models.temporal.conv_recurrent import Config, ConvRecurrent

WIDTH, STATE = 6, 4


@pytest.fixture
def part() -> ConvRecurrent:
    torch.manual_seed(0)
    return Config(state_width=STATE).build(WIDTH).eval()


@torch.no_grad()
def test_an_untrained_part_changes_nothing(part: ConvRecurrent) -> None:
    maps = torch.randn(2, 5, WIDTH, 3, 4)
    assert torch.equal(part.sequence(maps, torch.ones(2, 5)), maps)


@torch.no_grad()
def test_a_step_is_its_equations_in_float64(part: ConvRecurrent) -> None:
    with torch.no_grad():
        part.project.weight.normal_()
    weights = {name: value.double() for name, value in part.state_dict().items()}
    seen, state = torch.randn(1, WIDTH, 3, 4), torch.rand(1, STATE, 3, 4) - 0.5
    elapsed = 2.5

    def convolved(maps: torch.Tensor, name: str) -> torch.Tensor:
        weight = weights[f"{name}.weight"]
        padding = weight.shape[-1] // 2
        return conv2d(maps, weight, weights.get(f"{name}.bias"), padding=padding)

    before = state.double() * torch.exp(-weights["log_rate"].exp() * elapsed)[:, None, None]
    gates = convolved(seen.double(), "read")
    recalled = convolved(before, "recall")
    update = 1 / (1 + torch.exp(-(gates[:, :STATE] + recalled[:, :STATE])))
    reset = 1 / (1 + torch.exp(-(gates[:, STATE : 2 * STATE] + recalled[:, STATE:])))
    new = torch.tanh(gates[:, 2 * STATE :] + convolved(reset * before, "propose"))
    after = (1 - update) * before + update * new
    output, memory = part.step(seen, torch.tensor([elapsed]), {"state": state})
    np.testing.assert_allclose(memory["state"], after, atol=1e-6)
    np.testing.assert_allclose(output, seen.double() + convolved(after, "project"), atol=1e-6)


@torch.no_grad()
def test_after_a_long_time_nothing_is_left(part: ConvRecurrent) -> None:
    seen = torch.randn(1, WIDTH, 3, 4)
    state = {"state": torch.randn(1, STATE, 3, 4)}
    _, late = part.step(seen, torch.tensor([1e6]), state)
    _, fresh = part.step(seen, torch.ones(1), part.empty_memory(1, 3, 4))
    torch.testing.assert_close(late["state"], fresh["state"])


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"state_width": 0}, "state_width must be at least 1, got 0"),
        ({"kernel_size": 4}, "kernel_size must be odd, from 1, got 4"),
    ],
)
def test_sizes_that_cannot_be_are_refused(values: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Config(**values)
