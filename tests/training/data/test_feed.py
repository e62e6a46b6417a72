"""Batches by their number: which samples, in whose hands, and what a damaged one costs."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from dataset_layouts import LAYOUTS
from torch.utils.data import Dataset

from training import loop
from training.data import mixture, packed
from training.data.feed import AnyBatch, Feed, batches
from training.distributed import World
from training.methods import finetune
from training.recipe import Recipe, Stage

STAGE = Stage(steps=1, height=32, width=32, batch_size=3)


class Numbers(Feed):
    """Sample i is i; of ``bad`` ones the picture is damaged."""

    names = ("numbers",)

    def __init__(self, bad: tuple[int, ...] = ()) -> None:
        self.bad = bad

    def samples(self, stage: Stage) -> Dataset[Any]:
        return _Numbers(self.bad)

    def collate(self, samples: Sequence[int]) -> AnyBatch:
        return _Batch(tuple(str(each) for each in samples))


class _Numbers(Dataset[Any]):
    def __init__(self, bad: tuple[int, ...]) -> None:
        self.bad = bad

    def __getitem__(self, i: int) -> int:
        if i in self.bad:
            raise SyntaxError("broken PNG file (chunk b'IDOT')")  # as pillow raises it
        return i % 1_000_000


class _Batch:
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device) -> AnyBatch:
        return self


def names(feed: Feed, **ways: int) -> list[tuple[str, ...]]:
    made = batches(feed, STAGE, num_workers=0, **ways)
    return [each.batch.names for each in made if each.batch is not None]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_batches_are_successive_samples_from_the_first_on(num_workers: int) -> None:
    made = batches(Numbers(), STAGE, first=6, num_batches=2, num_workers=num_workers)
    found = [each.batch.names for each in made if each.batch is not None]
    assert found == [("6", "7", "8"), ("9", "10", "11")]


def test_each_of_two_processes_takes_every_other_batch() -> None:
    first = names(Numbers(), first=6, num_batches=2, rank=0, num_ranks=2)
    second = names(Numbers(), first=6, num_batches=2, rank=1, num_ranks=2)
    assert first == [("6", "7", "8"), ("12", "13", "14")]
    assert second == [("9", "10", "11"), ("15", "16", "17")]


def test_a_long_run_costs_no_memory_before_its_first_step() -> None:
    tracemalloc.start()
    try:
        made = batches(Numbers(), STAGE, first=0, num_batches=100_000, num_workers=0)
        assert len(list(islice(made, 2))) == 2
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 << 20


def test_a_damaged_picture_is_replaced() -> None:
    (delivery,) = batches(Numbers(bad=(1,)), STAGE, first=0, num_batches=1, num_workers=0)
    assert [each.reason for each in delivery.skipped] == ["broken PNG file (chunk b'IDOT')"]
    assert delivery.batch is not None
    assert len(delivery.batch) == 3


def test_a_window_without_a_picture_is_replaced_where_pictures_teach(tmp_path: Path) -> None:
    LAYOUTS["n_mnist"].write(tmp_path)
    recipe = Recipe(
        name="test",
        stages=(STAGE,),
        data=mixture.Config(
            shares={"n_mnist": 0.5, "synthetic": 0.5}, root=tmp_path, with_images=True
        ),
        method=finetune.Config(),
    )
    made = batches(recipe.data.build(recipe), STAGE, first=0, num_batches=3, num_workers=0)
    deliveries = list(made)
    reasons = [each.reason for delivery in deliveries for each in delivery.skipped]
    assert reasons
    assert all(reason.startswith("n_mnist/") and "no picture" in reason for reason in reasons)
    assert all(name.startswith("synthetic/") for each in deliveries for name in each.batch.names)


def test_one_data_set_a_batch_holds_after_a_stage_of_other_batches(tmp_path: Path) -> None:
    for name in ("n_cars", "n_mnist"):
        LAYOUTS[name].write(tmp_path)
    shares = {"n_cars": 0.5, "n_mnist": 0.5}
    stages = (STAGE, replace(STAGE, steps=12, batch_size=4))
    recipe = Recipe(
        name="test",
        stages=stages,
        data=mixture.Config(shares=shares, root=tmp_path, draw="batch"),
        method=finetune.Config(),
        num_workers=0,
    )
    feed = recipe.data.build(recipe)
    deliveries = [*loop._deliveries(recipe, feed, 0, World(device=torch.device("cpu")))]
    drawn = [{name.partition("/")[0] for name in each.batch.names} for each in deliveries]
    assert [len(each) for each in drawn] == [1] * 13
    assert set.union(*drawn) == set(shares)
    resumed = [*loop._deliveries(recipe, feed, 5, World(device=torch.device("cpu")))]
    assert [each.batch.names for each in resumed] == [each.batch.names for each in deliveries[5:]]


def test_packed_windows_are_not_drawn_by_batches() -> None:
    with pytest.raises(ValueError, match=r"data\.windows\.draw must be sample, got batch"):
        packed.Config(windows=mixture.Config(draw="batch"))


def test_a_set_that_is_held_out_whole_is_not_trained_with(tmp_path: Path) -> None:
    LAYOUTS["n_imagenet_variants"].write(tmp_path)
    data = mixture.Config(shares={"n_imagenet_variants": 1.0}, root=tmp_path)
    recipe = Recipe(name="test", stages=(STAGE,), data=data, method=finetune.Config())
    with pytest.raises(ValueError, match="n_imagenet_variants has no windows to train with"):
        data.build(recipe)
