"""Supervised training of every head at once, each on the samples that know its answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn

from models.perception import Perception
from training.data.labelled import Batch
from training.methods.method import Method, StepOutput


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Weights of the tasks."""

    weights: dict[str, float] = field(
        default_factory=lambda: {"recognition": 1.0, "segmentation": 1.0, "depth": 1.0}
    )
    """Factor of each task's loss in the sum; a task that is not named has 1."""

    def build(self, module: Perception) -> Method:
        """Return the method that trains ``module``."""
        return Finetune(self, module)


class Finetune(Method):
    """The weighted sum of the heads' losses."""

    def __init__(self, config: Config, module: Perception) -> None:
        super().__init__()
        self.config = config
        self.module = module

    def forward(self, batch: Batch) -> StepOutput:
        outputs = self.module(batch.events)
        terms = self.module.losses(outputs, batch.targets)
        weighted = [self.config.weights.get(task, 1.0) * term for task, term in terms.items()]
        return StepOutput(torch.stack(weighted).sum(), terms)

    def trained(self) -> nn.Module:
        return self.module
