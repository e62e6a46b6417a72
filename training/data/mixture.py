"""Multi-task sampling: an endless, seeded mixture of data sets, sample by sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from events.packet import SensorSize
from models.card import ModelCard
from training.data.labelled import Batch, DataSet, Sample, Vocabulary, collate, to_sample


class Mixture(Dataset[Any]):
    """Sample i comes from a data set drawn by share; i and the seed decide all about it.

    Batches mix the data sets, so that batch normalisation sees what it will see at run time.
    """

    def __init__(
        self,
        datasets: list[DataSet],
        shares: Sequence[float],
        card: ModelCard,
        *,
        height: int,
        width: int,
        seed: int,
        embedding_width: int = 0,
    ) -> None:
        self.datasets = datasets
        weights = np.array(shares, np.float64)
        self.shares = weights / weights.sum()
        self.card = card
        self.vocabularies = [Vocabulary(card, dataset) for dataset in datasets]
        self.sensor = SensorSize(width, height)
        self.seed = seed
        self.embedding_width = embedding_width

    def __getitem__(self, i: int) -> Sample:
        rng = np.random.default_rng((self.seed, i))
        which = int(rng.choice(len(self.datasets), p=self.shares))
        dataset = self.datasets[which]
        index = int(rng.integers(dataset.num_windows("train")))
        window = dataset.window(
            "train",
            index,
            int(rng.integers(2**31)),
            self.sensor,
            self.card.window_us,
            augment=True,
        )
        height, width = self.sensor.height, self.sensor.width
        return to_sample(
            window,
            self.card,
            self.vocabularies[which],
            height,
            width,
            embedding_width=self.embedding_width,
        )


def batches(
    mixture: Mixture, *, first: int, num_batches: int, batch_size: int, num_workers: int
) -> Iterator[Batch]:
    """Yield ``num_batches`` batches of samples ``first``, ``first + 1``...; resumable."""
    loader: DataLoader[Batch] = DataLoader(
        mixture,
        batch_size=batch_size,
        sampler=range(first, first + num_batches * batch_size),
        num_workers=num_workers,
        collate_fn=collate,
        prefetch_factor=4 if num_workers else None,
        worker_init_fn=_use_one_thread,
        # A loader draws a seed at its start: from its own generator, else a resumed run, which
        # starts one more loader, would drop out other units than an uninterrupted one.
        generator=torch.Generator(),
    )
    yield from loader


def _use_one_thread(worker: int) -> None:
    torch.set_num_threads(1)
