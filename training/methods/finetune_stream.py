"""Supervised training over stretches of streams: what is remembered is learnt with the heads.

Every window of a stretch is judged. The memory is handed from window to window, and the gradient
with it, over ``truncate_windows`` at most: truncated backpropagation through time.

Source: Williams and Peng, "An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent
Network Trajectories", Neural Computation 1990.
"""

# B batch, S windows of a stretch, D channels, H rows, W columns of the encoder's last map

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from models.card import ModelCard
from models.perception import Perception, describe_encoder
from models.temporal import conv_recurrent
from models.temporal.temporal import Temporal, TemporalConfig
from training.data.feed import Feed
from training.data.streams import StreamBatch, StreamFeed
from training.methods.method import Method, MethodConfig, StepOutput, weighted_sum
from training.optim import ParameterGroup, other_parameters
from training.shared_norm import SharedNorm
from training.student import build_student, make_card

if TYPE_CHECKING:
    from training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Config(MethodConfig):
    """What remembers, and the weights of the tasks."""

    temporal: TemporalConfig = field(default_factory=conv_recurrent.Config)
    """What stands behind the encoder and remembers."""
    weights: dict[str, float] = field(
        default_factory=lambda: {"recognition": 1.0, "segmentation": 1.0, "depth": 1.0}
    )
    """Factor of each task's loss in the sum; a task that is not named has 1."""
    truncate_windows: int = 8
    """Windows over which the gradient is carried back before the memory is cut off from it."""
    encoder_lr_scale: float = 1.0
    """Factor of the learning rate of the encoder; 0 freezes it."""
    keeps_statistics: bool = False
    """Whether batch norms go on with the means that were learnt before: the windows of a few
    streams resemble one another, and tell badly what windows are like."""

    def __post_init__(self) -> None:
        if self.truncate_windows < 1:
            raise ValueError(
                f"method.truncate_windows must be at least 1, got {self.truncate_windows}"
            )

    def build(self, recipe: Recipe, feed: Feed) -> Method:
        if not isinstance(feed, StreamFeed):
            raise ValueError(f"finetune_stream learns from streams, got {type(feed).__name__}")
        tasks = ("recognition", "segmentation", "depth")
        card = make_card(
            recipe,
            tasks=tasks if feed.segmentation_labels else ("recognition", "depth"),
            recognition_labels=feed.recognition_labels,
            segmentation_labels=feed.segmentation_labels,
            temporal=describe_encoder(self.temporal),
        )
        card = replace(card, is_streaming=True)
        return FinetuneStream(self, build_student(recipe, card), card)


class FinetuneStream(Method):
    """The weighted sum of the heads' losses over all windows of all streams."""

    def __init__(self, config: Config, module: Perception, card: ModelCard) -> None:
        super().__init__()
        self.config = config
        self.module = module
        self.card = card

    @property
    def temporal(self) -> Temporal:
        """What remembers."""
        assert self.module.temporal is not None
        return self.module.temporal

    def train(self, mode: bool = True) -> FinetuneStream:
        """Set the mode; a frozen encoder, and norms that keep theirs, stay as they will be run."""
        super().train(mode)
        if self.config.encoder_lr_scale == 0:
            self.module.encoder.eval()
        if self.config.keeps_statistics:
            for part in self.module.modules():
                if isinstance(part, _BatchNorm | SharedNorm):
                    part.eval()
        return self

    def forward(self, batch: StreamBatch) -> StepOutput:
        *maps, last = self.module.encoder_maps(batch.windows.events)
        last_BSDHW = torch.unflatten(last, 0, batch.elapsed.shape)
        remembered = self._streamed(last_BSDHW, batch.elapsed).flatten(0, 1)
        outputs = self.module.outputs_of([*maps, remembered])
        terms = self.module.losses(outputs, batch.windows.targets)
        return StepOutput(weighted_sum(terms, self.config.weights, default=1.0), terms)

    def _streamed(self, maps_BSDHW: Tensor, elapsed_BS: Tensor) -> Tensor:
        """Return the maps behind the temporal part, window after window."""
        batch_size, num_windows, _, height, width = maps_BSDHW.shape
        memory = self.temporal.empty_memory(batch_size, height, width)
        outputs = []
        for i in range(num_windows):
            if i % self.config.truncate_windows == 0:
                memory = {name: value.detach() for name, value in memory.items()}
            output, memory = self.temporal.step(maps_BSDHW[:, i], elapsed_BS[:, i], memory)
            outputs.append(output)
        return torch.stack(outputs, 1)

    def trained(self) -> nn.Module:
        return self.module

    def parameter_groups(self) -> list[ParameterGroup]:
        self.temporal.freeze_unread()
        encoder = tuple(self.module.encoder.parameters())
        if self.config.encoder_lr_scale == 0:
            self.module.encoder.requires_grad_(False)
        return [
            ParameterGroup(parameters=encoder, lr_scale=self.config.encoder_lr_scale),
            ParameterGroup(parameters=other_parameters(self, encoder)),
        ]
