"""The contract of what a run is fed: samples decided by their number, so that a run can resume."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import torch
from torch.utils.data import DataLoader, Dataset

if TYPE_CHECKING:
    from training.recipe import Recipe, Stage


class AnyBatch(Protocol):
    """What a method is given for one step."""

    @property
    def names(self) -> tuple[str, ...]:
        """What each sample is, for messages: its data set and number, or its recording."""
        ...

    def __len__(self) -> int: ...

    def to(self, device: torch.device) -> Self: ...


class Feed(ABC):
    """Samples without end; sample i is decided by i and the recipe's seed alone."""

    names: tuple[str, ...]
    """Of the data sets that samples come from."""

    @abstractmethod
    def samples(self, stage: Stage) -> Dataset[Any]:
        """Return a map-style data set whose ``[i]`` is sample i as ``stage`` wants it."""

    @abstractmethod
    def collate(self, samples: Sequence[Any]) -> AnyBatch:
        """Stack samples into a batch."""


@dataclass(frozen=True, kw_only=True)
class DataConfig(ABC):
    """What to read; a choice is one file of this folder with a ``Config`` of this kind."""

    @abstractmethod
    def build(self, recipe: Recipe) -> Feed:
        """Open the data.

        Raises:
            DataError: something is not where it should be.
        """


def batches(
    feed: Feed, stage: Stage, *, first: int, num_batches: int, num_workers: int
) -> Iterator[Any]:
    """Yield ``num_batches`` batches of samples ``first``, ``first + 1``...; resumable."""
    loader: DataLoader[Any] = DataLoader(
        feed.samples(stage),
        batch_size=stage.batch_size,
        sampler=range(first, first + num_batches * stage.batch_size),
        num_workers=num_workers,
        collate_fn=feed.collate,
        prefetch_factor=4 if num_workers else None,
        worker_init_fn=_use_one_thread,
        # A loader draws a seed at its start: from its own generator, else a resumed run, which
        # starts one more loader, would drop out other units than an uninterrupted one.
        generator=torch.Generator(),
    )
    yield from loader


def _use_one_thread(worker: int) -> None:
    torch.set_num_threads(1)
