"""Perception: one encoder pass and every head over it."""

from __future__ import annotations

import dataclasses
import importlib
import json
from typing import Any, cast

import torch
from torch import Tensor, nn

from models.card import TOKENS, CardError, ModelCard
from models.encoders.encoder import Encoder, Tokens
from models.heads.depth import Depth
from models.heads.head import Head, Targets
from models.heads.prompted import Prompted
from models.heads.recognition import Recognition
from models.heads.segmentation import Segmentation
from models.neck import FeaturePyramid
from models.temporal.temporal import Memory, Temporal

NECK_WIDTH = 48


class Perception(nn.Module):
    """An encoder, a neck, and a head for each task of the card; without tasks a bare encoder.

    Where the card has a temporal part, the encoder's last map passes through it first: each window
    alone, or a stream's with what it remembers.
    """

    def __init__(self, card: ModelCard) -> None:
        super().__init__()
        self.encoder = build_encoder(card)
        self.temporal = build_temporal(card, self.encoder.widths[-1]) if card.temporal else None
        self.is_streaming = card.is_streaming
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
        """Return each task's raw output (see ModelCard) for (B, C, H, W) representations.

        Each window stands alone; before a streaming network, as a stream's first.
        """
        if self.is_prompted:
            return {"recognition": self.heads["recognition"](self.tokens(events).embedding_BE)}
        return self.outputs_of(self.maps(events) if self.heads else [self.tokens(events).map])

    def maps(self, events: Tensor) -> list[Tensor]:
        """Return the feature maps of (B, C, H, W) representations, as the heads take them."""
        *maps, last = self.encoder(events)
        return [*maps, self._alone(last)]

    def tokens(self, events: Tensor) -> Tokens:
        """Return the final tokens of (B, C, H, W) representations."""
        tokens = self.encoder.tokens(events)
        if self.temporal is None:
            return tokens
        patches_BND = self._alone(tokens.map).flatten(2).transpose(1, 2)
        return dataclasses.replace(tokens, patches_BND=patches_BND)

    def empty_memory(self, batch_size: int, height: int, width: int) -> Memory:
        """Return the memory of streams that have not begun, of inputs of ``height`` x ``width``.

        Raises:
            ValueError: the temporal part cannot remember windows of this size.
        """
        cell = self.encoder.strides[-1]
        return self._remembering.empty_memory(batch_size, height // cell, width // cell)

    def forward_stream(
        self, events: Tensor, elapsed_B: Tensor, memory: Memory
    ) -> tuple[dict[str, Tensor], Memory]:
        """Return the outputs for the next window of B streams, and their memory with it.

        Args:
            events: (B, C, H, W) representations.
            elapsed_B: Strides since each stream's window before; see Temporal.
            memory: From ``empty_memory``, or of the window before.
        """
        *maps, last = self.encoder_maps(events)
        last, memory = self._remembering.step(last, elapsed_B, memory)
        return self.outputs_of([*maps, last]), memory

    def forward_sequence(self, events: Tensor, elapsed_BS: Tensor) -> dict[str, Tensor]:
        """Return the outputs, (B, S, ...), for (B, S, C, H, W) windows of B streams from the start.

        Equal to ``forward_stream`` of one after the other.
        """
        shape = events.shape[:2]
        *maps, last = self.encoder_maps(events.flatten(0, 1))
        last = self._remembering.sequence(torch.unflatten(last, 0, shape), elapsed_BS).flatten(0, 1)
        outputs = self.outputs_of([*maps, last])
        return {name: torch.unflatten(value, 0, shape) for name, value in outputs.items()}

    def encoder_maps(self, events: Tensor) -> list[Tensor]:
        """Return the encoder's maps, or its tokens as one map where no head reads the others.

        The last of them is what the temporal part takes.
        """
        if not self.heads:
            return [self.encoder.tokens(events).map]
        maps: list[Tensor] = self.encoder(events)
        return maps

    def outputs_of(self, maps: list[Tensor]) -> dict[str, Tensor]:
        """Return each task's raw output, or the tokens, for maps as ``encoder_maps`` gives them.

        The last of them has been through the temporal part, if there is one.
        """
        if not self.heads:
            return {TOKENS: maps[-1]}
        fused = self.neck(maps)
        return {task: head(maps, fused) for task, head in self.heads.items()}

    def losses(self, outputs: dict[str, Tensor], targets: Targets) -> dict[str, Tensor]:
        """Return each head's loss."""
        heads = {task: cast(Head, head) for task, head in self.heads.items()}
        return {task: head.loss(outputs[task], targets) for task, head in heads.items()}

    def _alone(self, map_BDHW: Tensor) -> Tensor:
        if self.temporal is None:
            return map_BDHW
        return self.temporal.first(map_BDHW) if self.is_streaming else self.temporal.frame(map_BDHW)

    @property
    def _remembering(self) -> Temporal:
        if self.is_prompted:
            raise CardError("a prompted head reads the encoder alone: it cannot be streamed")
        assert self.temporal is not None, "nothing is remembered without a temporal part"
        return self.temporal


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


def build_temporal(card: ModelCard, width: int) -> Temporal:
    """Return what a card names of models/temporal, for maps of ``width``, randomly initialised.

    Raises:
        CardError: there is no such part, or its Config does not take what the card says.
    """
    part: Temporal = _build("temporal part", "models.temporal", card.temporal, width)
    return part


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
