"""The contract of every training method: a batch in, one loss out."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from training.data.labelled import Batch


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
    """Owns what is trained, its teachers and its losses; the loop only optimises."""

    def forward(self, batch: Batch) -> StepOutput:
        raise NotImplementedError

    def trained(self) -> nn.Module:
        """Return the module that ends up in the model file."""
        raise NotImplementedError

    def after_step(self, step: int) -> None:
        """Do what must follow an optimiser step, such as moving a teacher; nothing by default."""
