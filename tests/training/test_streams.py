from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from dataset_layouts import LAYOUTS

from events.packet import SensorSize, join
from training.data import streams
from training.data.catalogue import load_dataset
from training.data.feed import batches
from training.data.streams import StreamBatch, StreamFeed, StreamSample, cut_windows
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
    sensor = SensorSize(STAGE.width, STAGE.height)
    strides = load_dataset("synthetic").sequence("train", 3, 5, sensor, STRIDE_US, 6)
    windows = cut_windows(strides, [3, 4, 6], WINDOW_US)
    start_us, times = strides[0].packet.start_us, join([each.packet for each in strides]).t
    for window, end in zip(windows, (3, 4, 6), strict=True):
        last_us = start_us + end * STRIDE_US
        assert (window.packet.start_us, window.packet.end_us) == (last_us - WINDOW_US, last_us)
        expected = times[(times >= last_us - WINDOW_US) & (times < last_us)]
        assert np.array_equal(window.packet.t, expected)
        assert window.class_ids is strides[end - 1].class_ids
        assert window.depth_m is strides[end - 1].depth_m


def test_a_stretch_is_of_windows_that_follow_one_another() -> None:
    sample = sample_of(streams.Config(num_windows=3, dropped=0.0))
    assert sample.elapsed.tolist() == [1, 1, 1]
    depths = [window.depth_m for window in sample.windows]
    nearby = [np.abs(after - before).mean() for before, after in pairwise(depths)]
    other = sample_of(streams.Config(num_windows=1), 1).windows[0].depth_m
    assert 0 < max(nearby) < np.abs(other - depths[0]).mean()


def test_windows_are_dropped_as_often_as_asked_and_that_is_told() -> None:
    elapsed = np.stack(
        [sample_of(streams.Config(num_windows=8, dropped=0.4), i).elapsed for i in range(6)]
    )
    assert elapsed.dtype == np.float32
    assert (elapsed[:, 0] == 1).all()
    assert 1.2 < elapsed[:, 1:].mean() < 2.4
    assert elapsed.max() <= streams.MAX_STEP


def test_a_sample_is_decided_by_its_number() -> None:
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
