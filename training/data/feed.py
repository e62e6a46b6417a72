"""The contract of what a run is fed: samples decided by their number, so that a run can resume."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from events.recordings.recording import RecordingError
from events.representations.representation import Spec
from training.data.folder import DataError
from training.data.workers import workers

if TYPE_CHECKING:
    from training.recipe import Recipe, Stage

MAX_ATTEMPTS = 8
"""Unreadable samples in a row before a run stops."""


class AnyBatch(Protocol):
    """What a method is given for one step."""

    @property
    def names(self) -> tuple[str, ...]:
        """What each sample is, for messages: its data set and number, or its recording."""
        ...

    def __len__(self) -> int: ...

    def to(self, device: torch.device) -> AnyBatch:
        """Return what the method is given, on ``device``: this batch, or what is made of it."""
        ...


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

    def offering_all(self) -> Self:
        """Return this with a 0 for each data set that it could draw too: for a command line."""
        return self

    def without_unused(self) -> Self:
        """Return this without the data sets of which nothing is drawn."""
        return self


def refuse_device_grids(recipe: Recipe, why: str) -> None:
    """Raise ValueError where a recipe wants grids on the device, which its data cannot have."""
    if recipe.grids_on == "device":
        raise ValueError(f"{why}: leave --grids-on at worker, got device")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A sample that could not be read; another took its place."""

    index: int
    reason: str


class Readable(Dataset[Any]):
    """A data set whose unreadable samples are replaced by others and told of.

    The replacement is decided by the sample's number too, so that a resumed run draws the same.
    """

    def __init__(self, samples: Dataset[Any]) -> None:
        self.samples = samples

    def __getitem__(self, i: int) -> tuple[Any, list[Skipped]]:
        skipped: list[Skipped] = []
        for attempt in range(MAX_ATTEMPTS):
            try:
                return self.samples[i + (attempt << 40)], skipped
            except (OSError, DataError, RecordingError, SyntaxError) as error:  # last: pillow's
                lines = str(error).splitlines() or [type(error).__name__]
                skipped.append(Skipped(i, lines[0]))
        return None, skipped  # an error raised in a worker would arrive as a page of traceback


@dataclass(frozen=True, slots=True)
class Delivery:
    """A batch, and which of its samples had to be replaced."""

    batch: AnyBatch | None
    """None where a sample could be replaced by none that can be read."""
    skipped: list[Skipped]

    def pin_memory(self) -> Delivery:
        """Return this with its tensors in memory that a GPU copies by itself; loaders call it."""
        return Delivery(pinned(self.batch), self.skipped)


def pinned(value: Any) -> Any:
    """Return a batch with the tensors in its fields, and theirs, in page-locked memory."""
    if isinstance(value, Tensor):
        return value.pin_memory()
    if isinstance(value, tuple):
        return tuple(pinned(item) for item in value)
    if not dataclasses.is_dataclass(value) or isinstance(value, Spec | type):
        return value
    fields = (field.name for field in dataclasses.fields(value))
    return dataclasses.replace(value, **{name: pinned(getattr(value, name)) for name in fields})


class _Collate:
    """Stacks readable samples; a class, since workers may have to pickle it."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed

    def __call__(self, parts: list[tuple[Any, list[Skipped]]]) -> Delivery:
        skipped = [each for _, found in parts for each in found]
        samples = [sample for sample, _ in parts]
        if any(sample is None for sample in samples):
            return Delivery(None, skipped)
        return Delivery(self.feed.collate(samples), skipped)


class _Numbers(Sampler[int]):
    """The samples of a process's batches, numbered as they are asked for: a run has millions.

    Args:
        first: Sample of the first process's first batch.
        num_batches: Of this process.
        size: Samples of a batch.
        rank: Of this process.
        num_ranks: Processes, which take batches in turn.
    """

    def __init__(self, first: int, num_batches: int, size: int, rank: int, num_ranks: int) -> None:
        step = num_ranks * size
        self._size = size
        self._starts = range(first + rank * size, first + num_batches * step, step)

    def __len__(self) -> int:
        return len(self._starts) * self._size

    def __iter__(self) -> Iterator[int]:
        for start in self._starts:
            yield from range(start, start + self._size)


def batches(
    feed: Feed,
    stage: Stage,
    *,
    first: int,
    num_batches: int,
    num_workers: int,
    rank: int = 0,
    num_ranks: int = 1,
) -> Iterator[Delivery]:
    """Yield ``num_batches`` batches of samples ``first``, ``first + 1``...; resumable.

    Of ``num_ranks`` processes, each takes the ``rank``-th of that many successive batches.
    """
    size = stage.batch_size
    loader: DataLoader[Any] = DataLoader(
        Readable(feed.samples(stage)),
        batch_size=size,
        sampler=_Numbers(first, num_batches, size, rank, num_ranks),
        collate_fn=_Collate(feed),
        prefetch_factor=4 if num_workers else None,
        pin_memory=torch.cuda.is_available(),
        # A loader draws a seed at its start: from its own generator, else a resumed run, which
        # starts one more loader, would drop out other units than an uninterrupted one.
        generator=torch.Generator(),
        **workers(num_workers),
    )
    yield from loader
