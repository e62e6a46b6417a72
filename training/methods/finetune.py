"""Supervised training of every head at once, each on the samples that know its answer.

Beside the labels, the pooled features may be drawn towards a frozen image teacher's embedding of
the picture that an event window shows: the cosine regression of Yang et al., "Event Camera Data
Pre-training", ICCV 2023, in its simplest form.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from models.heads.recognition import Recognition
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
    distillation: float = 0.0
    """Factor of the distance to the image teacher's embeddings; 0 needs no teacher."""

    def build(self, module: Perception, embedding_width: int) -> Method:
        """Return the method that trains ``module``."""
        return Finetune(self, module, embedding_width)


class Finetune(Method):
    """The weighted sum of the heads' losses and of the distillation."""

    def __init__(self, config: Config, module: Perception, embedding_width: int) -> None:
        super().__init__()
        self.config = config
        self.module = module
        width = self._recognition.pooled_width
        self.project = nn.Linear(width, embedding_width) if config.distillation else None

    @property
    def _recognition(self) -> Recognition:
        head = self.module.heads["recognition"]
        assert isinstance(head, Recognition)
        return head

    def forward(self, batch: Batch) -> StepOutput:
        maps = self.module.encoder(batch.events)
        terms = self.module.losses(self.module.answer(maps), batch.targets)
        weights = dict(self.config.weights)
        if self.project is not None:
            said = self.project(self._recognition.pool(maps[-1]))
            terms["distillation"] = cosine_distance(said.float(), batch.embedding)
            weights["distillation"] = self.config.distillation
        weighted = [weights.get(name, 1.0) * term for name, term in terms.items()]
        return StepOutput(torch.stack(weighted).sum(), terms)

    def trained(self) -> nn.Module:
        return self.module


def cosine_distance(said_BD: Tensor, taught_BD: Tensor) -> Tensor:
    """Return the mean of 1 - cosine over the rows whose teacher is not all zero."""
    known_B = taught_BD.abs().amax(-1) > 0
    distance_B = 1 - nn.functional.cosine_similarity(said_BD, taught_BD, dim=-1)
    return (distance_B * known_B).sum() / known_B.sum().clamp(min=1)
