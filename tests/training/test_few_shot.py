from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from training.data import mixture
from training.data.catalogue import load_dataset
from training.data.few_shot import Labelled, first_of_each
from training.methods import finetune
from training.recipe import Recipe, Stage


@pytest.mark.parametrize("num", [1, 2, 5])
def test_each_label_has_so_many_windows(data_folder: Path, num: int) -> None:
    dataset = load_dataset("tiny_imagenet_unseen", data_folder)
    assert isinstance(dataset, Labelled)
    kept = first_of_each(dataset, num)
    counts = Counter(dataset.labels["train"][index] for index in kept)
    assert set(counts) == set(dataset.recognition_labels)
    assert set(counts.values()) == {num}


def test_the_mixture_draws_from_them_alone(data_folder: Path) -> None:
    stage = Stage(steps=1, height=32, width=32, batch_size=2)
    data = mixture.Config(shares={"tiny_imagenet_unseen": 1.0}, root=data_folder, shots=1)
    recipe = Recipe(name="test", stages=(stage,), data=data, method=finetune.Config())
    samples = data.build(recipe).samples(stage)
    names = {samples[i].name for i in range(200)}
    dataset = load_dataset("tiny_imagenet_unseen", data_folder)
    few = {f"tiny_imagenet_unseen/{index}" for index in first_of_each(dataset, 1)}
    assert names <= few
    assert len(names) > 30


def test_without_labels_or_shots_there_is_nothing_to_take(data_folder: Path) -> None:
    with pytest.raises(ValueError, match="synthetic has no labels"):
        first_of_each(load_dataset("synthetic"), 1)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        mixture.Config(shots=0)
