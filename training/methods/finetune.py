"""Supervised training of every head at once, each on the samples that know its answer.

Beside the labels, the pooled features may be drawn towards a frozen image teacher's embedding of
the picture that an event window shows: the cosine regression of Yang et al., "Event Camera Data
Pre-training", ICCV 2023, in its simplest form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor, nn

from models.card import ModelCard
from models.global_batch import global_count
from models.heads.recognition import Recognition
from models.perception import Perception
from training.data.batch import Batch
from training.data.feed import Feed
from training.data.mixture import WindowFeed
from training.methods.method import Method, MethodConfig, StepOutput, weighted_sum
from training.optim import ParameterGroup, other_parameters
from training.student import build_student, make_card, temporal_of

if TYPE_CHECKING:
    from training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """Weights of the tasks."""

    weights: dict[str, float] = field(
        default_factory=lambda: {"recognition": 1.0, "segmentation": 1.0, "depth": 1.0}
    )
    """Factor of each task's loss in the sum; a task that is not named has 1."""
    distillation: float = 0.0
    """Factor of the distance to the image teacher's embeddings, which ``data.with_embeddings``
    brings; 0 needs no teacher."""
    encoder_lr_scale: float = 1.0
    """Factor of the learning rate of the encoder and of what stands behind it; pretrained ones take
    0.01 (GEP, arXiv 2603.23032), and 0 freezes them: a linear probe of their features."""

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        if not isinstance(feed, WindowFeed):
            raise ValueError(f"finetune learns from labelled windows, got {type(feed).__name__}")
        tasks: tuple[str, ...] = ("recognition", "segmentation", "depth")
        if not feed.segmentation_labels:  # sets that are labelled as a whole alone
            tasks = ("recognition", "depth")
        card = make_card(
            recipe,
            tasks=tasks,
            recognition_labels=feed.recognition_labels,
            segmentation_labels=feed.segmentation_labels,
            temporal=temporal_of(recipe.initial),
        )
        if self.distillation and not feed.embedding_width:
            raise ValueError("method.distillation needs --data.with-embeddings")
        return Finetune(self, build_student(recipe, card), card, feed.embedding_width)


class Finetune(Method):
    """The weighted sum of the heads' losses and of the distillation."""

    def __init__(
        self, config: Config, module: Perception, card: ModelCard, embedding_width: int
    ) -> None:
        super().__init__()
        self.config = config
        self.module = module
        self.card = card
        width = self._recognition.pooled_width
        self.project = nn.Linear(width, embedding_width) if config.distillation else None

    @property
    def _recognition(self) -> Recognition:
        head = self.module.heads["recognition"]
        assert isinstance(head, Recognition)
        return head

    def train(self, mode: bool = True) -> Finetune:
        """Set the mode; what is frozen stays as it will be run."""
        super().train(mode)
        if self.config.encoder_lr_scale == 0:
            self.module.encoder.eval()
            if self.module.temporal is not None:
                self.module.temporal.eval()
        return self

    def forward(self, batch: Batch) -> StepOutput:
        maps = self.module.maps(batch.events)
        terms = self.module.losses(self.module.outputs_of(maps), batch.targets)
        weights = dict(self.config.weights)
        if self.project is not None:
            said = self.project(self._recognition.pool(maps[-1]))
            terms["distillation"] = cosine_distance(said.float(), batch.embedding)
            weights["distillation"] = self.config.distillation
        return StepOutput(weighted_sum(terms, weights, default=1.0), terms)

    def trained(self) -> nn.Module:
        return self.module

    def parameter_groups(self) -> list[ParameterGroup]:
        encoder = tuple(self.module.encoder.parameters())
        if self.module.temporal is not None:
            self.module.temporal.freeze_unread()
            encoder += tuple(self.module.temporal.parameters())
        if self.config.encoder_lr_scale == 0:
            for value in encoder:
                value.requires_grad_(False)
        return [
            ParameterGroup(parameters=encoder, lr_scale=self.config.encoder_lr_scale),
            ParameterGroup(parameters=other_parameters(self, encoder)),
        ]


def cosine_distance(said_BD: Tensor, taught_BD: Tensor) -> Tensor:
    """Return the mean of 1 - cosine over the rows whose teacher is not all zero."""
    known_B = taught_BD.abs().amax(-1) > 0
    distance_B = 1 - nn.functional.cosine_similarity(said_BD, taught_BD, dim=-1)
    return (distance_B * known_B).sum() / global_count(known_B.sum())
