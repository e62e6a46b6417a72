from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dataset_layouts import LAYOUTS

from events.packet import SensorSize, join
from events.representations.letterbox import Letterbox
from training.data import streams
from training.data.batch import LABEL_STRIDE
from training.data.catalogue import load_dataset
from training.data.feed import batches
from training.data.streams import StreamBatch, StreamFeed, StreamSample
from training.recipe import Recipe, Stage, load_recipe

STAGE = Stage(steps=1, height=32, width=64, batch_size=2)
WINDOW_US, STRIDE_US = 50_000, 20_000


def recipe_of(config: streams.Config) -> Recipe:
    return replace(load_recipe("smoke_streaming"), stages=(STAGE,), data=config)


def sample_of(config: streams.Config, i: int = 0) -> StreamSample:
    feed = config.build(recipe_of(config))
    sample = feed.samples(STAGE)[i]
    assert isinstance(sample, StreamSample)
    return sample


def test_windows_overlap_as_at_run_time_and_know_what_is_true_at_their_end() -> None:
    config = streams.Config(num_windows=3, dropped=0.0)
    recipe = recipe_of(config)
    sample = sample_of(config)
    rng = np.random.default_rng((recipe.seed, 0))
    rng.choice(1)
    dataset = load_dataset("synthetic")
    index = int(rng.integers(dataset.num_windows("train")))
    rng.geometric(1.0, 3)
    seed = int(rng.integers(2**31))
    place = (SensorSize(STAGE.width, STAGE.height), STRIDE_US, 5)
    strides = dataset.sequence("train", index, seed, *place, augment=True)
    stream = join([each.packet for each in strides])
    letterbox = Letterbox(place[0], STAGE.height, STAGE.width)
    for i, window in enumerate(sample.windows):
        end_us = stream.start_us + (i + 3) * STRIDE_US
        packet = stream.between(end_us - WINDOW_US, end_us)
        assert packet.duration_us == WINDOW_US
        assert np.array_equal(window.grid, recipe.spec.network_input(packet, letterbox))
        truth = strides[i + 2]
        assert truth.class_ids is not None
        half = LABEL_STRIDE // 2
        expected = truth.class_ids[half::LABEL_STRIDE, half::LABEL_STRIDE]
        assert np.array_equal(window.class_ids, expected)
    assert sample.elapsed.tolist() == [1, 1, 1]


def test_windows_are_dropped_as_often_as_asked_and_that_is_told() -> None:
    elapsed = np.stack(
        [sample_of(streams.Config(num_windows=8, dropped=0.4), i).elapsed for i in range(6)]
    )
    assert elapsed.dtype == np.float32
    assert (elapsed[:, 0] == 1).all()
    assert 1.2 < elapsed[:, 1:].mean() < 2.4
    assert elapsed.max() <= streams.MAX_STEP


def test_a_sample_is_decided_by_its_number(tmp_path: Path) -> None:
    config = streams.Config(num_windows=2)
    first, again, other = sample_of(config, 3), sample_of(config, 3), sample_of(config, 4)
    assert np.array_equal(first.windows[1].grid, again.windows[1].grid)
    assert not np.array_equal(first.windows[1].grid, other.windows[1].grid)


def test_a_batch_is_stretch_after_stretch() -> None:
    config = streams.Config(num_windows=3)
    feed = config.build(recipe_of(config))
    (delivery,) = batches(feed, STAGE, first=0, num_batches=1, num_workers=0)
    batch = delivery.batch
    assert isinstance(batch, StreamBatch)
    assert len(batch) == 2
    assert batch.windows.events.shape == (6, 5, 32, 64)
    second = feed.samples(STAGE)[1]
    assert np.array_equal(batch.windows.events[3:].numpy(), [each.grid for each in second.windows])
    assert batch.elapsed[1].tolist() == second.elapsed.tolist()


@pytest.mark.parametrize("name", ["tiny_imagenet", "camvid", "seven_scenes"])
def test_sets_of_pictures_show_streams_too(data_folder: Path, name: str) -> None:
    sample = sample_of(streams.Config(shares={name: 1.0}, num_windows=3))
    assert all(np.abs(window.grid).max() > 0 for window in sample.windows)


def test_a_set_without_consecutive_windows_is_refused(tmp_path: Path) -> None:
    LAYOUTS["n_cars"].write(tmp_path)
    config = streams.Config(shares={"n_cars": 1.0}, root=tmp_path)
    with pytest.raises(ValueError, match=r"n_cars has no consecutive windows: take it out"):
        StreamFeed(config, recipe_of(config))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"shares": {"synthetic": 0.0}}, "data.shares must be 0 or more"),
        ({"num_windows": 0}, "data.num_windows must be at least 1, got 0"),
        ({"dropped": 1.0}, r"data.dropped must lie in \[0, 1\), got 1.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        streams.Config(**values)
