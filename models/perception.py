"""Perception: one encoder pass and every head over it."""

from __future__ import annotations

import dataclasses
import importlib
import json
from typing import Any, cast

from torch import Tensor, nn

from models.card import CardError, ModelCard
from models.encoders.encoder import Encoder, Tokens
from models.heads.depth import Depth
from models.heads.head import Head, Targets
from models.heads.prompted import Prompted
from models.heads.recognition import Recognition
from models.heads.segmentation import Segmentation
from models.neck import FeaturePyramid

NECK_WIDTH = 48


class Perception(nn.Module):
    """An encoder, a neck, and a head for each task of the card; without tasks a bare encoder.

    Where the card has a temporal part, the encoder's last map, or its patches, pass through it
    first, one frame at a time.
    """

    def __init__(self, card: ModelCard) -> None:
        super().__init__()
        self.encoder = build_encoder(card)
        self.temporal = build_temporal(card, self.encoder.widths[-1]) if card.temporal else None
        self.is_prompted = bool(card.heads)
        if card.tasks and not self.is_prompted:
            self.neck = FeaturePyramid(self.encoder.widths, self.encoder.strides, NECK_WIDTH)
        self.heads: nn.ModuleDict = nn.ModuleDict(
            {task: self._head(task, card) for task in card.tasks}
        )

    def _head(self, task: str, card: ModelCard) -> Head | Prompted:
        if self.is_prompted:
            return _prompted(card)
        if task == "recognition":
            return Recognition(self.encoder.widths[-1], len(card.recognition_labels))
        if task == "segmentation":
            return Segmentation(NECK_WIDTH, len(card.segmentation_labels))
        if task == "depth":
            return Depth(NECK_WIDTH, card.depth_range_m)
        raise CardError(
            f"unknown task {task!r}; this Saccade knows recognition, segmentation and depth"
        )

    def forward(self, events: Tensor) -> dict[str, Tensor]:
        """Return each task's raw output (see ModelCard) for (B, C, H, W) representations."""
        if not self.heads:
            return {"tokens": self.tokens(events).map}
        if self.is_prompted:
            return {"recognition": self.heads["recognition"](self.tokens(events).embedding_BE)}
        return self.answer(self.maps(events))

    def maps(self, events: Tensor) -> list[Tensor]:
        """Return the feature maps of (B, C, H, W) representations, as the heads take them."""
        maps: list[Tensor] = self.encoder(events)
        if self.temporal is None:
            return maps
        patches_BND = maps[-1].flatten(2).transpose(1, 2)
        last = self.temporal.frame(patches_BND).transpose(1, 2).unflatten(2, maps[-1].shape[2:])
        return [*maps[:-1], last]

    def tokens(self, events: Tensor) -> Tokens:
        """Return the final tokens of (B, C, H, W) representations."""
        tokens = self.encoder.tokens(events)
        if self.temporal is None:
            return tokens
        return dataclasses.replace(tokens, patches_BND=self.temporal.frame(tokens.patches_BND))

    def answer(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """Return each task's raw output for the encoder's maps."""
        fused = self.neck(maps)
        return {task: head(maps, fused) for task, head in self.heads.items()}

    def losses(self, outputs: dict[str, Tensor], targets: Targets) -> dict[str, Tensor]:
        """Return each head's loss."""
        heads = {task: cast(Head, head) for task, head in self.heads.items()}
        return {task: head.loss(outputs[task], targets) for task, head in heads.items()}


def _prompted(card: ModelCard) -> Prompted:
    """Return the one head besides the tasks' own; it has no neck, and stands alone."""
    sizes = dict(card.heads.get("recognition", {}))
    if card.tasks != ("recognition",) or sizes.pop("kind", None) != "prompted":
        raise CardError(
            f"heads {card.heads} for tasks {', '.join(card.tasks)}: this Saccade knows "
            "a prompted head of recognition alone"
        )
    try:
        return Prompted(len(card.recognition_labels), **sizes)
    except TypeError as error:
        raise CardError(f"the prompted head cannot be built: {error}") from None


def build_encoder(card: ModelCard) -> Encoder:
    """Return the encoder that a card names, randomly initialised.

    Raises:
        CardError: there is no such encoder, or its Config does not take what the card says.
    """
    encoder: Encoder = _build("encoder", "models.encoders", card.encoder, card.spec.num_channels)
    return encoder


def build_temporal(card: ModelCard, width: int) -> Any:
    """Return what a card names of models/temporal, for tokens of ``width``, randomly initialised.

    Its ``frame`` takes the (B, N, D) tokens of one frame and returns as many.

    Raises:
        CardError: there is no such part, or its Config does not take what the card says.
    """
    return _build("temporal part", "models.temporal", card.temporal, width)


def _build(what: str, package: str, description: dict[str, Any], size: int) -> Any:
    values = dict(description)
    kind = values.pop("kind", None)
    try:
        make = importlib.import_module(f"{package}.{kind}").Config
    except (ModuleNotFoundError, AttributeError):
        raise CardError(f"no {what} {kind!r} in {package.replace('.', '/')}") from None
    try:
        return make(**{key: _tupled(value) for key, value in values.items()}).build(size)
    except (TypeError, ValueError) as error:
        raise CardError(f"{what} {kind!r} cannot be built: {error}") from None


def describe_encoder(config: object) -> dict[str, object]:
    """Return what ModelCard.encoder (or temporal) holds for a Config of a file of such."""
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise TypeError(f"an encoder's config must be a dataclass, got {type(config).__name__}")
    values: dict[str, object] = json.loads(json.dumps(dataclasses.asdict(config)))
    values.pop("initial", None)  # where training began is no part of what was built
    return {"kind": type(config).__module__.rpartition(".")[2], **values}


def _tupled(value: object) -> object:
    """JSON knows no tuples: give back those that a Config had."""
    return tuple(value) if isinstance(value, list) else value
