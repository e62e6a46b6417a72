"""The contract of every training method: a batch in, one loss out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from models.card import ModelCard
from models.model_file import save_model
from models.perception import Perception
from training.data.feed import Feed
from training.optim import ParameterGroup

if TYPE_CHECKING:
    from training.recipe import Recipe

MODEL_FILE = "model.safetensors"
TEACHER_FOLDER = "teacher"
"""Of a method that makes an image teacher, in transformers' format."""
HEADS_FILE = "heads.safetensors"
"""Of a method with whose heads its next stage goes on."""


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What one step of a method gives the loop."""

    loss: Tensor
    """Scalar to minimise."""
    terms: dict[str, Tensor] = field(default_factory=dict)
    """The parts of the loss before weighting, logged."""
    metrics: dict[str, Tensor] = field(default_factory=dict)
    """Anything else worth logging."""


class Method(nn.Module):
    """Owns what is trained, its teachers and its losses; the loop only optimises.

    Teachers are no modules (see Teacher), so that a checkpoint holds what is trained alone.
    """

    card: ModelCard
    """Of the model file that ``write`` makes; of a method that makes another kind, unset."""

    def forward(self, batch: Any) -> StepOutput:
        raise NotImplementedError

    def trained(self) -> nn.Module:
        """Return the module whose weights are averaged and end up in the model file."""
        raise NotImplementedError

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return what the optimiser moves, at which share of the learning rate."""
        return [ParameterGroup(parameters=tuple(self.parameters()))]

    def after_step(self, step: int) -> None:
        """Do what must follow an optimiser step, such as moving a teacher; nothing by default."""

    def write(
        self, folder: Path, averaged: nn.Module, provenance: dict[str, Any], dtype: torch.dtype
    ) -> Path:
        """Write what the run makes of the averaged weights; return where. Atomic."""
        assert isinstance(averaged, Perception)
        path = folder / MODEL_FILE
        save_model(path, averaged, replace(self.card, provenance=provenance), dtype=dtype)
        return path

    def pictures(self, batch: Any) -> dict[str, Tensor]:
        """Return (3, H, W) pictures in [0, 1] of a batch worth looking at, by name; or none."""
        return {}


def weighted_sum(
    terms: Mapping[str, Tensor], weights: Mapping[str, float | Tensor], default: float = 0.0
) -> Tensor:
    """Return the sum of scalar terms, each by its weight; one without a weight by ``default``."""
    return torch.stack([weights.get(name, default) * term for name, term in terms.items()]).sum()


@dataclass(frozen=True, kw_only=True)
class MethodConfig(ABC):
    """Settings of a method; a choice is one file of this folder with a ``Config`` of this kind."""

    @abstractmethod
    def build(self, recipe: Recipe, feed: Feed) -> Method:
        """Return the method, its student randomly initialised or as ``recipe.initial`` says."""
