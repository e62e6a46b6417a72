"""The optimiser, its schedule and the averaged weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import torch
from torch import nn

Trained = TypeVar("Trained", bound=nn.Module)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerConfig:
    """AdamW, and how its learning rate goes."""

    lr: float = 1e-3
    """Peak, reached after ``warmup_steps``."""
    warmup_steps: int = 300
    """Steps of a linear rise from zero."""
    schedule: Literal["cosine", "exponential", "constant"] = "cosine"
    """After the warm-up: along half a cosine, or by a constant factor each step, down to
    ``final_share`` of the peak; or constant."""
    schedule_steps: int | None = None
    """Length of the schedule; None is the run's own. A run that another continues may stop high."""
    final_share: float = 0.01
    """Of the peak, at the schedule's end."""
    weight_decay: float = 0.05
    """Of matrices; norms and biases do not decay."""
    betas: tuple[float, float] = (0.9, 0.999)
    """How fast AdamW forgets gradients, and their squares."""
    max_grad_norm: float = 1.0
    """Longer gradients are scaled down to this norm."""

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise ValueError(f"optimizer.lr must be above 0, got {self.lr}")
        if self.warmup_steps < 0:
            raise ValueError(f"optimizer.warmup_steps must be 0 or more, got {self.warmup_steps}")
        if not 0 <= self.final_share <= 1 or (
            self.schedule == "exponential" and self.final_share == 0
        ):
            raise ValueError(
                f"optimizer.final_share must lie in [0, 1], above 0 where exponential, "
                f"got {self.final_share}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterGroup:
    """Parameters that share a factor on the learning rate."""

    parameters: tuple[nn.Parameter, ...]
    lr_scale: float = 1.0


def other_parameters(module: nn.Module, chosen: Iterable[nn.Parameter]) -> tuple[nn.Parameter, ...]:
    """Return the parameters of ``module`` that are none of ``chosen``."""
    taken = {id(value) for value in chosen}
    return tuple(value for value in module.parameters() if id(value) not in taken)


def build_optimizer(groups: Iterable[ParameterGroup], config: OptimizerConfig) -> torch.optim.AdamW:
    """Return AdamW over what is trained; norms and biases do not decay."""
    parts: list[dict[str, Any]] = []
    for group in groups:
        trained = [value for value in group.parameters if value.requires_grad]
        for values, decay in (
            ([value for value in trained if value.ndim > 1], config.weight_decay),
            ([value for value in trained if value.ndim <= 1], 0.0),
        ):
            if values:
                scale = {"lr_scale": group.lr_scale, "weight_decay": decay}
                parts.append({"params": values, **scale})
    if not parts:
        raise ValueError("the method trains nothing: every parameter is frozen")
    return torch.optim.AdamW(parts, lr=config.lr, betas=config.betas)


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every group its share of ``lr``."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]


def learning_rate(step: int, config: OptimizerConfig, num_steps: int) -> float:
    """Return the rate at a step of a run of ``num_steps``."""
    if step < config.warmup_steps:
        return config.lr * (step + 1) / config.warmup_steps
    length = (config.schedule_steps or num_steps) - config.warmup_steps
    progress = min((step - config.warmup_steps) / max(length, 1), 1.0)
    if config.schedule == "constant":
        return config.lr
    if config.schedule == "exponential":
        return config.lr * math.exp(progress * math.log(config.final_share))
    share = 0.5 * (1 + math.cos(math.pi * progress))
    return config.lr * (config.final_share + (1 - config.final_share) * share)


class AveragedWeights(Generic[Trained]):
    """An exponential moving average of a module's weights and buffers."""

    def __init__(self, module: Trained, decay: float) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.unsharded = self.module
        """A module of the same kind that is never sharded."""
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
