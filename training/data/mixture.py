"""Windows of several data sets in an endless, seeded mixture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from torch.utils.data import Dataset

from events.packet import SensorSize
from models.global_batch import num_processes
from training.data.batch import Batch, Sample, SampleShape, Vocabulary, collate, to_sample
from training.data.catalogue import dataset_names, joint_labels, load_dataset
from training.data.dataset import DataSet
from training.data.feed import DataConfig, Feed
from training.data.few_shot import first_of_each
from training.data.raw_batch import RawBatch, collate_raw
from training.data.taught import attach_teacher
from training.data.window_transforms import chosen

if TYPE_CHECKING:
    from training.recipe import Recipe, Stage

DEPTH_RANGE_M = (0.25, 40.0)


@dataclass(frozen=True, kw_only=True)
class Config(DataConfig):
    """Which data sets, how often, and what of them."""

    shares: dict[str, float] = field(default_factory=lambda: {"synthetic": 1.0})
    """How often each data set is drawn, by its file name in training/data/sets."""
    root: Path | None = None
    """Folder of the data sets; None is $SACCADE_DATA, else ../shared/data."""
    draw: Literal["sample", "batch"] = "sample"
    """Draw a data set for each sample, so that batch normalisation sees what it will see at run
    time, or for each batch, of all processes together (GEP, arXiv 2603.23032)."""
    by_size: bool = False
    """Whether a share is one of each training window, so that equal shares draw data sets in
    proportion to their sizes (ScaleEvent, arXiv 2603.03969)."""
    shots: int | None = None
    """Only the first so many training windows of each label, for few-shot learning; None is all."""
    events_transform: tuple[str, ...] = ()
    """What is done to windows in training, in order: names in training/data/window_transforms."""
    with_images: bool = False
    """Whether windows come with the pictures behind them."""
    with_embeddings: bool = False
    """Whether windows come with the MobileNet teacher's embeddings."""

    def __post_init__(self) -> None:
        if not any(self.shares.values()) or not all(share >= 0 for share in self.shares.values()):
            raise ValueError(f"data.shares must be 0 or more, and not all 0, got {self.shares}")
        if self.shots is not None and self.shots < 1:
            raise ValueError(f"data.shots must be at least 1, got {self.shots}")
        chosen(self.events_transform)

    def build(self, recipe: Recipe) -> WindowFeed:
        return WindowFeed(self, recipe)

    def offering_all(self) -> Self:
        return replace(self, shares=self.shares | dict.fromkeys(dataset_names(), 0.0) | self.shares)

    def without_unused(self) -> Self:
        drawn = {name: share for name, share in self.shares.items() if share}
        return replace(self, shares=drawn)


class WindowFeed(Feed):
    """Labelled windows, with pictures where asked for."""

    def __init__(self, config: Config, recipe: Recipe) -> None:
        self.config = config
        self.recipe = recipe
        self.names = tuple(config.shares)
        self.datasets = [load_dataset(name, config.root) for name in self.names]
        for name, dataset in zip(self.names, self.datasets, strict=True):
            if not dataset.num_windows("train"):
                raise ValueError(
                    f"data set {name} has no windows to train with: take it out of --data.shares"
                )
        self.recognition_labels, self.segmentation_labels = joint_labels(self.datasets)
        self.embedding_width = attach_teacher(self.datasets) if config.with_embeddings else 0

    def samples(self, stage: Stage) -> Dataset[Any]:
        return Mixture(self, stage)

    def collate(self, samples: Sequence[Sample]) -> Batch | RawBatch:
        if self.recipe.grids_on == "device":
            return collate_raw(samples, self.recipe.spec)
        return collate(samples)


class Mixture(Dataset[Any]):
    """Sample i comes from a data set drawn by share; i and the seed decide all about it."""

    def __init__(self, feed: WindowFeed, stage: Stage) -> None:
        self.datasets: list[DataSet] = feed.datasets
        self.names = feed.names
        weights = np.array(list(feed.config.shares.values()), np.float64)
        if feed.config.by_size:
            weights *= [each.num_windows("train") for each in feed.datasets]
        self.shares = weights / weights.sum()
        self.shape = SampleShape(
            spec=feed.recipe.spec,
            height=stage.height,
            width=stage.width,
            depth_range_m=DEPTH_RANGE_M,
            embedding_width=feed.embedding_width,
            with_images=feed.config.with_images,
            grids_on=feed.recipe.grids_on,
        )
        self.vocabularies = [
            Vocabulary(feed.recognition_labels, feed.segmentation_labels, each.segmentation_labels)
            for each in feed.datasets
        ]
        self.window_us = feed.recipe.window_us
        self.seed = feed.recipe.seed
        shots = feed.config.shots
        self.few = [first_of_each(each, shots) for each in feed.datasets] if shots else None
        self.transforms = chosen(feed.config.events_transform)
        is_by_batch = feed.config.draw == "batch"
        self.run = stage.batch_size * num_processes() if is_by_batch else 1

    def __getitem__(self, i: int) -> Sample:
        rng = np.random.default_rng((self.seed, i))
        chooser = rng if self.run == 1 else np.random.default_rng((self.seed, i // self.run, 1))
        which = int(chooser.choice(len(self.datasets), p=self.shares))
        dataset = self.datasets[which]
        few = self.few[which] if self.few else range(dataset.num_windows("train"))
        index = int(few[rng.integers(len(few))])
        window = dataset.window(
            "train",
            index,
            int(rng.integers(2**31)),
            SensorSize(self.shape.width, self.shape.height),
            self.window_us,
            augment=True,
            with_images=self.shape.with_images,
        )
        for transform in self.transforms:
            window = transform(window, rng)
        name = f"{self.names[which]}/{index}"
        return to_sample(window, self.shape, self.vocabularies[which], dataset=which, name=name)
