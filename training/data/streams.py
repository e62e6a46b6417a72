"""Stretches of one scene's stream: windows at the recipe's stride, as a network that remembers has.

A data set's consecutive windows are asked for in strides, joined, and cut anew into windows of the
recipe's length that overlap as at run time. What a data set knows at the end of a stride is known
of the window that ends there.
"""

# B batch, S windows of a stretch

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from events.packet import SensorSize, join
from training.data.batch import Batch, Sample, SampleShape, Vocabulary, collate, to_sample
from training.data.catalogue import dataset_names, joint_labels, load_dataset
from training.data.dataset import LabelledWindow, Sequential
from training.data.feed import DataConfig, Feed, refuse_device_grids
from training.data.mixture import DEPTH_RANGE_M

if TYPE_CHECKING:
    from training.recipe import Recipe, Stage

MAX_STEP = 8
"""Strides between two windows at most, however many are dropped."""


@dataclass(frozen=True, kw_only=True)
class Config(DataConfig):
    """Which scenes, and how long a stretch of each."""

    shares: dict[str, float] = field(default_factory=lambda: {"synthetic": 1.0})
    """How often each data set is drawn, by its file name in training/data/sets."""
    root: Path | None = None
    """Folder of the data sets; None is $SACCADE_DATA, else ../shared/data."""
    num_windows: int = 8
    """S: windows of a sample."""
    dropped: float = 0.1
    """Chance of each window to be left out, as a live stream's are where time is short; at most 7
    in a row."""

    def __post_init__(self) -> None:
        if not any(self.shares.values()) or not all(share >= 0 for share in self.shares.values()):
            raise ValueError(f"data.shares must be 0 or more, and not all 0, got {self.shares}")
        if self.num_windows < 1:
            raise ValueError(f"data.num_windows must be at least 1, got {self.num_windows}")
        if not 0 <= self.dropped < 1:
            raise ValueError(f"data.dropped must lie in [0, 1), got {self.dropped}")

    def build(self, recipe: Recipe) -> StreamFeed:
        return StreamFeed(self, recipe)

    def offering_all(self) -> Self:
        return replace(self, shares=self.shares | dict.fromkeys(dataset_names(), 0.0) | self.shares)

    def without_unused(self) -> Self:
        drawn = {name: share for name, share in self.shares.items() if share}
        return replace(self, shares=drawn)


class StreamSample(NamedTuple):
    """A stretch of a stream."""

    windows: list[Sample]
    elapsed: npt.NDArray[np.float32]
    """(S,) strides since the window before."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StreamBatch:
    """Stretches of B streams."""

    windows: Batch
    """B * S windows, stretch after stretch."""
    elapsed: Tensor
    """(B, S) float32 strides since the window before."""
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.elapsed)

    def to(self, device: torch.device) -> StreamBatch:
        """Return the batch on ``device``."""
        elapsed = self.elapsed.to(device, non_blocking=True)
        return StreamBatch(windows=self.windows.to(device), elapsed=elapsed, names=self.names)


class StreamFeed(Feed):
    """Labelled stretches of scenes.

    Raises:
        ValueError: a data set has no consecutive windows, or grids are to be made on the device.
    """

    def __init__(self, config: Config, recipe: Recipe) -> None:
        refuse_device_grids(recipe, "a stream's windows overlap and are cut where they are made")
        self.config = config
        self.recipe = recipe
        self.names = tuple(config.shares)
        self.datasets: list[Sequential] = []
        for name in self.names:
            dataset = load_dataset(name, config.root)
            if not isinstance(dataset, Sequential):
                raise ValueError(
                    f"data set {name} has no consecutive windows: take it out of --data.shares"
                )
            self.datasets.append(dataset)
        self.recognition_labels, self.segmentation_labels = joint_labels([*self.datasets])

    def samples(self, stage: Stage) -> Dataset[Any]:
        return Stretches(self, stage)

    def collate(self, samples: Sequence[StreamSample]) -> StreamBatch:
        return StreamBatch(
            windows=collate([window for sample in samples for window in sample.windows]),
            elapsed=torch.from_numpy(np.stack([sample.elapsed for sample in samples])),
            names=tuple(sample.windows[0].name for sample in samples),
        )


class Stretches(Dataset[Any]):
    """Sample i comes from a data set drawn by share; i and the seed decide all about it."""

    def __init__(self, feed: StreamFeed, stage: Stage) -> None:
        self.feed = feed
        shares = np.array(list(feed.config.shares.values()), np.float64)
        self.shares = shares / shares.sum()
        self.shape = SampleShape(
            spec=feed.recipe.spec,
            height=stage.height,
            width=stage.width,
            depth_range_m=DEPTH_RANGE_M,
        )
        self.vocabularies = [
            Vocabulary(feed.recognition_labels, feed.segmentation_labels, each.segmentation_labels)
            for each in feed.datasets
        ]

    def __getitem__(self, i: int) -> StreamSample:
        rng = np.random.default_rng((self.feed.recipe.seed, i))
        which = int(rng.choice(len(self.shares), p=self.shares))
        dataset = self.feed.datasets[which]
        index = int(rng.integers(dataset.num_windows("train")))
        elapsed = self._draw_elapsed(rng)
        windows = self._windows(dataset, index, int(rng.integers(2**31)), elapsed)
        name = f"{self.feed.names[which]}/{index}"
        samples = [
            to_sample(each, self.shape, self.vocabularies[which], dataset=which, name=name)
            for each in windows
        ]
        return StreamSample(samples, elapsed.astype(np.float32))

    def _draw_elapsed(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        config = self.feed.config
        elapsed = rng.geometric(1 - config.dropped, config.num_windows).clip(max=MAX_STEP)
        elapsed[0] = 1
        return elapsed

    def _windows(
        self, dataset: Sequential, index: int, seed: int, elapsed: npt.NDArray[np.int64]
    ) -> list[LabelledWindow]:
        recipe, sensor = self.feed.recipe, SensorSize(self.shape.width, self.shape.height)
        ends = window_ends(recipe.window_us, recipe.stride_us, elapsed)
        strides = dataset.sequence(
            "train", index, seed, sensor, recipe.stride_us, ends[-1], augment=True
        )
        return cut_windows(strides, ends, recipe.window_us)


def window_ends(window_us: int, stride_us: int, elapsed: npt.ArrayLike) -> list[int]:
    """Return with which stride, from 1, each window of a stretch ends; the first one is whole.

    Args:
        window_us: Length of a window.
        stride_us: Length of a stride.
        elapsed: (S,) strides since the window before.
    """
    first = -(-window_us // stride_us)
    ends: list[int] = (first - 1 + np.cumsum(elapsed)).tolist()
    return ends


def cut_windows(
    strides: Sequence[LabelledWindow], ends: Sequence[int], window_us: int
) -> list[LabelledWindow]:
    """Return the windows of ``window_us`` that end with the ``ends``-th strides, from 1."""
    stream = join([each.packet for each in strides])
    windows = []
    for last in (strides[end - 1] for end in ends):
        end_us = last.packet.end_us
        windows.append(replace(last, packet=stream.between(end_us - window_us, end_us)))
    return windows
