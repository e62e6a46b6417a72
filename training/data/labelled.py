"""The contract of every data set, and how a labelled window becomes a training sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from events.packet import EventPacket, SensorSize
from events.representations.letterbox import Letterbox
from models.card import ModelCard
from models.heads.head import Targets
from models.heads.segmentation import UNKNOWN

Split = Literal["train", "val"]
LABEL_STRIDE = 4
"""Dense targets are compared at a quarter of the input's resolution, where the heads speak."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledWindow:
    """The events of one window and what is known of the scene at its end."""

    packet: EventPacket
    label: str | None = None
    """What the window shows."""
    class_ids: npt.NDArray[np.uint8] | None = None
    """(H, W) indices into the data set's segmentation labels, 255 where unknown."""
    depth_m: npt.NDArray[np.float32] | None = None
    """(H, W) metres, 0 where unknown."""
    embedding: npt.NDArray[np.float32] | None = None
    """(D,) what a frozen image teacher says of the picture behind the window."""


class Sample(NamedTuple):
    """A labelled window in the shape that a network and its losses take."""

    grid: npt.NDArray[np.float32]
    """(C, height, width) network input."""
    label: int
    """Index into the card's recognition labels, -1 where unknown."""
    class_ids: npt.NDArray[np.uint8]
    """(height / 4, width / 4) indices into the card's segmentation labels, 255 where unknown."""
    depth_m: npt.NDArray[np.float32]
    """(height / 4, width / 4) metres, 0 where unknown."""
    embedding: npt.NDArray[np.float32]
    """(D,) the teacher's, all zero where unknown."""


class DataSet(Protocol):
    """Labelled windows, made on demand and entirely decided by the arguments."""

    name: str
    recognition_labels: tuple[str, ...]
    segmentation_labels: tuple[str, ...]

    def num_windows(self, split: Split) -> int:
        """How many different windows a split holds; endless ones say how many make an epoch."""
        ...

    def window(
        self,
        split: Split,
        index: int,
        seed: int,
        sensor: SensorSize,
        window_us: int,
        *,
        augment: bool = False,
    ) -> LabelledWindow:
        """Return window ``index`` of a split as ``sensor`` sees it.

        ``seed`` varies motion and noise; with ``augment`` also the camera and the view, widely.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What a method is given for one step."""

    events: Tensor
    """(B, C, H, W) float32 network inputs."""
    targets: Targets
    embedding: Tensor
    """(B, D) the image teacher's, all zero where there is none."""

    def __len__(self) -> int:
        return len(self.events)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on ``device``, images channels-last."""
        events = self.events.to(device, memory_format=torch.channels_last, non_blocking=True)
        targets = Targets(
            recognition=self.targets.recognition.to(device, non_blocking=True),
            segmentation=self.targets.segmentation.to(device, non_blocking=True),
            depth_m=self.targets.depth_m.to(device, non_blocking=True),
        )
        return Batch(events, targets, self.embedding.to(device, non_blocking=True))


class Vocabulary:
    """Translates a data set's labels into a card's."""

    def __init__(self, card: ModelCard, dataset: DataSet) -> None:
        self.recognition = {name: i for i, name in enumerate(card.recognition_labels)}
        known = {name: i for i, name in enumerate(card.segmentation_labels)}
        self.segmentation = np.full(256, UNKNOWN, np.uint8)
        for i, name in enumerate(dataset.segmentation_labels):
            self.segmentation[i] = known.get(name, UNKNOWN)


def to_sample(
    window: LabelledWindow,
    card: ModelCard,
    vocabulary: Vocabulary,
    height: int,
    width: int,
    *,
    embedding_width: int = 0,
) -> Sample:
    """Return a window as an input of ``height`` x ``width`` and targets of a quarter of it."""
    letterbox = Letterbox(window.packet.sensor, height, width)
    grid = card.spec.network_input(window.packet, letterbox)
    label = vocabulary.recognition.get(window.label, -1) if window.label is not None else -1
    rows, columns, inside = _label_cells(letterbox)
    class_ids = np.full(inside.shape, UNKNOWN, np.uint8)
    depth_m = np.zeros(inside.shape, np.float32)
    if window.class_ids is not None:
        class_ids[inside] = vocabulary.segmentation[window.class_ids[rows, columns]][inside]
    if window.depth_m is not None:
        depth_m[inside] = window.depth_m[rows, columns][inside]
    near, far = card.depth_range_m
    depth_m = np.where(depth_m > 0, depth_m.clip(near, far), np.float32(0))
    embedding = window.embedding
    if embedding is None or not embedding_width:
        embedding = np.zeros(embedding_width, np.float32)
    return Sample(grid, label, class_ids, depth_m, embedding)


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples into one batch."""
    grids, labels, class_ids, depths, embeddings = zip(*samples, strict=True)
    targets = Targets(
        recognition=torch.tensor(labels),
        segmentation=torch.from_numpy(np.stack(class_ids).astype(np.int64)),
        depth_m=torch.from_numpy(np.stack(depths)),
    )
    return Batch(torch.from_numpy(np.stack(grids)), targets, torch.from_numpy(np.stack(embeddings)))


def _label_cells(
    letterbox: Letterbox,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the sensor row and column under the middle of each label cell, and if there is one."""
    top, left, height, width = letterbox.content
    y = (np.arange(letterbox.height // LABEL_STRIDE) + 0.5) * LABEL_STRIDE - top
    x = (np.arange(letterbox.width // LABEL_STRIDE) + 0.5) * LABEL_STRIDE - left
    inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))[None, :]
    rows = np.clip((y / letterbox.scale).astype(np.int64), 0, letterbox.sensor.height - 1)
    columns = np.clip((x / letterbox.scale).astype(np.int64), 0, letterbox.sensor.width - 1)
    return rows[:, None], columns[None, :], inside
