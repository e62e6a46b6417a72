from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from events.packet import SensorSize, join
from training.data.catalogue import load_dataset
from training.data.dataset import DataSet, Sequential

SENSOR = SensorSize(96, 64)
WINDOW_US = 50_000
NAMES = ["tiny_imagenet", "camvid", "seven_scenes", "synthetic"]


@pytest.fixture(scope="module", params=NAMES)
def dataset(request: pytest.FixtureRequest) -> DataSet:
    if request.param != "synthetic":
        request.getfixturevalue("data_folder")
    return load_dataset(request.param)


def test_windows_of_a_sequence_touch_and_their_pictures_go_on(dataset: DataSet) -> None:
    assert isinstance(dataset, Sequential)
    windows = dataset.sequence("train", 3, 5, SENSOR, WINDOW_US, 4, augment=True, with_images=True)
    packet = join([window.packet for window in windows])
    assert packet.duration_us == 4 * WINDOW_US
    assert all(len(window.packet) > 20 for window in windows)
    for before, after in pairwise(windows):
        assert np.array_equal(before.image, after.previous)
    first, last = windows[0].previous, windows[-1].image
    assert first is not None
    assert last is not None
    assert first.shape == last.shape == (64, 96, 3)
    steps = [np.abs(_difference(each.previous, each.image)).mean() for each in windows]
    assert 0 < max(steps) < 60  # one scene, seen a little later


def test_a_sequence_of_one_is_the_window(dataset: DataSet) -> None:
    assert isinstance(dataset, Sequential)
    (only,) = dataset.sequence("val", 2, 1, SENSOR, WINDOW_US, 1, with_images=True)
    window = dataset.window("val", 2, 1, SENSOR, WINDOW_US, with_images=True)
    assert np.array_equal(only.packet.events, window.packet.events)
    assert np.array_equal(only.image, window.image)
    assert only.label == window.label


def test_a_sequence_moves_as_fast_as_a_window(dataset: DataSet) -> None:
    assert isinstance(dataset, Sequential)
    alone = [len(dataset.window("train", i, i, SENSOR, WINDOW_US).packet) for i in range(4)]
    rows = [
        [len(each.packet) for each in dataset.sequence("train", i, i, SENSOR, WINDOW_US, 5)]
        for i in range(4)
    ]
    assert 0.3 < np.mean(rows) / np.mean(alone) < 3


def _difference(before: np.ndarray | None, after: np.ndarray | None) -> np.ndarray:
    assert before is not None
    assert after is not None
    return after.astype(int) - before.astype(int)
