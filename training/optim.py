"""The optimiser, its schedule and the averaged weights."""

from __future__ import annotations

import copy
import math
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from training.recipe import Recipe

Trained = TypeVar("Trained", bound=nn.Module)


def build_optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """Return AdamW over what is trained; norms and biases do not decay."""
    trained = [value for value in module.parameters() if value.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [value for value in trained if value.ndim > 1]},
        {"params": [value for value in trained if value.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups,
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
    )


def learning_rate(step: int, recipe: Recipe) -> float:
    """Return the rate at a step: linear warm-up, then a cosine down to a hundredth of the peak."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    num_steps = recipe.schedule_steps or recipe.num_steps
    progress = (step - recipe.warmup_steps) / max(num_steps - recipe.warmup_steps, 1)
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


class AveragedWeights(Generic[Trained]):
    """An exponential moving average of a module's weights and buffers."""

    def __init__(self, module: Trained, decay: float) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, module: Trained, step: int) -> None:
        """Move towards ``module``; faster in the first steps, which would else weigh too much."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, value in zip(
            self.module.state_dict().values(), module.state_dict().values(), strict=True
        ):
            if average.is_floating_point():
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)
