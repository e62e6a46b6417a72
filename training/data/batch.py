"""From labelled windows to what a network and its losses take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from events.packet import EventPacket
from events.representations.letterbox import Letterbox
from events.representations.representation import Spec
from models.heads.head import Targets
from models.heads.segmentation import UNKNOWN
from training.data.dataset import LabelledWindow
from training.data.folder import DataError

LABEL_STRIDE = 4
"""Dense targets are compared at a quarter of the input's resolution, where the heads speak."""


class PairSample(NamedTuple):
    """The pictures behind one window, placed as its events are."""

    image: npt.NDArray[np.uint8]
    """(3, height, width) RGB at the window's end; black outside the sensor."""
    previous: npt.NDArray[np.uint8]
    """(3, height, width) RGB at the window's start."""
    counts: npt.NDArray[np.float32]
    """(height, width) events of each input cell."""


class Sample(NamedTuple):
    """A labelled window in the shape that a network and its losses take."""

    grid: npt.NDArray[np.float32]
    """(C, height, width) network input; without channels where ``packet`` is to become it."""
    label: int
    """Index into the recognition labels, -1 where unknown."""
    class_ids: npt.NDArray[np.uint8]
    """(height / 4, width / 4) indices into the segmentation labels, 255 where unknown."""
    depth_m: npt.NDArray[np.float32]
    """(height / 4, width / 4) metres, 0 where unknown."""
    embedding: npt.NDArray[np.float32]
    """(D,) the teacher's, all zero where unknown."""
    dataset: int
    """Index of the data set that it comes from."""
    name: str
    """What it is, for messages."""
    pair: PairSample | None = None
    packet: EventPacket | None = None
    """The window's events, where grids are made on the training device."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The pictures behind a batch of windows, under the same geometry as the events."""

    images: Tensor
    """(B, 3, H, W) uint8 RGB at each window's end; black outside the sensor."""
    previous: Tensor
    """(B, 3, H, W) uint8 RGB at its start."""
    counts: Tensor
    """(B, H, W) float32 events of each input cell."""

    def to(self, device: torch.device) -> Pairs:
        """Return the pairs on ``device``."""
        return Pairs(
            self.images.to(device, non_blocking=True),
            self.previous.to(device, non_blocking=True),
            self.counts.to(device, non_blocking=True),
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Batch:
    """What a method that learns from windows is given for one step."""

    events: Tensor
    """(B, C, H, W) float32 network inputs."""
    targets: Targets
    embedding: Tensor
    """(B, D) the image teacher's, all zero where there is none."""
    dataset: Tensor
    """(B,) int64 index into the feed's ``names``."""
    names: tuple[str, ...]
    pairs: Pairs | None = None

    def __len__(self) -> int:
        return len(self.events)

    def paired(self) -> Pairs:
        """Return the pictures.

        Raises:
            ValueError: the feed was not asked for them.
        """
        if self.pairs is None:
            raise ValueError("this method learns from pictures: set --data.with-images")
        return self.pairs

    def to(self, device: torch.device) -> Batch:
        """Return the batch on ``device``, network inputs channels-last."""
        events = self.events.to(device, memory_format=torch.channels_last, non_blocking=True)
        targets = Targets(
            recognition=self.targets.recognition.to(device, non_blocking=True),
            segmentation=self.targets.segmentation.to(device, non_blocking=True),
            depth_m=self.targets.depth_m.to(device, non_blocking=True),
        )
        return Batch(
            events=events,
            targets=targets,
            embedding=self.embedding.to(device, non_blocking=True),
            dataset=self.dataset.to(device, non_blocking=True),
            names=self.names,
            pairs=None if self.pairs is None else self.pairs.to(device),
        )


class Vocabulary:
    """Translates a data set's labels into a network's."""

    def __init__(
        self,
        recognition_labels: Sequence[str],
        segmentation_labels: Sequence[str],
        own_segmentation_labels: Sequence[str],
    ) -> None:
        self.recognition = {name: i for i, name in enumerate(recognition_labels)}
        known = {name: i for i, name in enumerate(segmentation_labels)}
        self.segmentation = np.full(256, UNKNOWN, np.uint8)
        for i, name in enumerate(own_segmentation_labels):
            self.segmentation[i] = known.get(name, UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleShape:
    """What every sample of a feed is brought to."""

    spec: Spec
    height: int
    width: int
    depth_range_m: tuple[float, float]
    embedding_width: int = 0
    with_images: bool = False
    grids_on: Literal["worker", "device"] = "worker"


def to_sample(
    window: LabelledWindow,
    shape: SampleShape,
    vocabulary: Vocabulary,
    *,
    dataset: int = 0,
    name: str = "",
) -> Sample:
    """Return a window as a network's input, and targets of a quarter of its resolution.

    Raises:
        DataError: pictures are asked for, and it has none.
    """
    letterbox = Letterbox(window.packet.sensor, shape.height, shape.width)
    label = vocabulary.recognition.get(window.label, -1) if window.label is not None else -1
    rows, columns, inside = _label_cells(letterbox)
    class_ids = np.full(inside.shape, UNKNOWN, np.uint8)
    depth_m = np.zeros(inside.shape, np.float32)
    if window.class_ids is not None:
        class_ids[inside] = vocabulary.segmentation[window.class_ids[rows, columns]][inside]
    if window.depth_m is not None:
        depth_m[inside] = window.depth_m[rows, columns][inside]
    near, far = shape.depth_range_m
    embedding = window.embedding
    if embedding is None or not shape.embedding_width:
        embedding = np.zeros(shape.embedding_width, np.float32)
    is_raw = shape.grids_on == "device"
    no_grid = np.empty((0, shape.height, shape.width), np.float32)
    return Sample(
        grid=no_grid if is_raw else shape.spec.network_input(window.packet, letterbox),
        label=label,
        class_ids=class_ids,
        depth_m=np.where(depth_m > 0, depth_m.clip(near, far), np.float32(0)),
        embedding=embedding,
        dataset=dataset,
        name=name,
        pair=_to_pair(window, letterbox, name) if shape.with_images else None,
        packet=window.packet if is_raw else None,
    )


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples into one batch."""
    targets = Targets(
        recognition=torch.tensor([sample.label for sample in samples]),
        segmentation=_stacked([sample.class_ids for sample in samples]).long(),
        depth_m=_stacked([sample.depth_m for sample in samples]),
    )
    pairs = [sample.pair for sample in samples if sample.pair is not None]
    return Batch(
        events=_stacked([sample.grid for sample in samples]),
        targets=targets,
        embedding=_stacked([sample.embedding for sample in samples]),
        dataset=torch.tensor([sample.dataset for sample in samples]),
        names=tuple(sample.name for sample in samples),
        pairs=Pairs(
            _stacked([pair.image for pair in pairs]),
            _stacked([pair.previous for pair in pairs]),
            _stacked([pair.counts for pair in pairs]),
        )
        if pairs
        else None,
    )


def placed_image(image: npt.NDArray[np.uint8], letterbox: Letterbox) -> npt.NDArray[np.uint8]:
    """Return an (H, W, 3) picture as (3, height, width), where the letterbox puts the sensor."""
    top, left, height, width = letterbox.content
    placed = np.zeros((letterbox.height, letterbox.width, 3), np.uint8)
    if image.shape[:2] != (height, width):
        resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        image = np.asarray(resized)
    placed[top : top + height, left : left + width] = image
    return np.ascontiguousarray(placed.transpose(2, 0, 1))


def _to_pair(window: LabelledWindow, letterbox: Letterbox, name: str) -> PairSample:
    if window.image is None or window.previous is None:
        raise DataError(f"{name} has no picture behind its events, which this method learns from")
    packet = window.packet
    cells = letterbox.rows[packet.y].astype(np.int64) + letterbox.columns[packet.x]
    counts = np.bincount(cells, minlength=letterbox.height * letterbox.width)
    return PairSample(
        placed_image(window.image, letterbox),
        placed_image(window.previous, letterbox),
        counts.reshape(letterbox.height, letterbox.width).astype(np.float32),
    )


def _stacked(arrays: Sequence[npt.NDArray[np.generic]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))


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
