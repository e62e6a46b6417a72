from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.data import mixture, packed
from training.data.batch import Batch, Sample
from training.data.feed import batches
from training.data.mixture import Mixture
from training.methods import finetune
from training.recipe import Recipe, Stage

STAGE = Stage(steps=1, height=32, width=32, batch_size=4)
WINDOWS = mixture.Config(shares={"synthetic": 1.0}, with_images=True)
RECIPE = Recipe(name="test", stages=(STAGE,), data=WINDOWS, method=finetune.Config())


def config(folder: Path) -> packed.Config:
    return packed.Config(
        windows=WINDOWS, folder=folder, num_samples=6, shard_samples=4, num_workers=0
    )


def drawn(folder: Path, first: int, num_batches: int = 1) -> list[Batch]:
    feed = config(folder).build(RECIPE)
    deliveries = batches(feed, STAGE, first=first, num_batches=num_batches, num_workers=0)
    return [delivery.batch for delivery in deliveries if isinstance(delivery.batch, Batch)]


def test_a_kept_window_is_the_one_that_was_made(tmp_path: Path) -> None:
    made = WINDOWS.build(RECIPE).samples(STAGE)
    assert isinstance(made, Mixture)
    (batch,) = drawn(tmp_path, 0)
    originals: dict[str, Sample] = {made[i].name: made[i] for i in range(6)}
    pairs = batch.paired()
    for i, name in enumerate(batch.names):
        sample = originals[name]
        assert sample.pair is not None
        np.testing.assert_allclose(batch.events[i].numpy(), sample.grid, rtol=1e-3)
        np.testing.assert_allclose(batch.targets.depth_m[i], sample.depth_m, rtol=1e-3)
        assert batch.targets.recognition[i] == sample.label
        assert np.array_equal(batch.targets.segmentation[i], sample.class_ids)
        assert np.array_equal(pairs.images[i], sample.pair.image)
        assert np.array_equal(pairs.previous[i], sample.pair.previous)
        assert np.array_equal(pairs.counts[i], sample.pair.counts)


def test_every_pass_shows_every_window_once_and_in_its_own_order(tmp_path: Path) -> None:
    seen = [name for batch in drawn(tmp_path, 0, 3) for name in batch.names]
    first, second = seen[:6], seen[6:]
    assert len(set(first)) == 6
    assert set(first) == set(second)
    assert first != second
    again = [name for batch in drawn(tmp_path, 4, 2) for name in batch.names]
    assert again == seen[4:]


def test_windows_are_made_once_and_for_each_recipe_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(tmp_path, 0)
    made: list[int] = []
    make = Mixture.__getitem__

    def counting(self: Mixture, i: int) -> Sample:
        made.append(i)
        return make(self, i)

    monkeypatch.setattr(Mixture, "__getitem__", counting)
    drawn(tmp_path, 0)
    assert made == []
    (shard,) = tmp_path.glob("*/000000004.safetensors")
    shard.unlink()  # an interrupted run made the first shard only
    drawn(tmp_path, 0)
    assert made == [4, 5]
    config(tmp_path).build(replace(RECIPE, seed=3)).samples(STAGE)
    assert len(made) == 8
