from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from dense_files import Originals

from events.packet import SensorSize
from events.representations.voxel_grid import VoxelGridSpec
from training.data.batch import SampleShape, Vocabulary, to_sample
from training.data.catalogue import load_dataset
from training.data.check import Checkable, check_dataset
from training.data.dataset import LabelledWindow, Sequential, Split
from training.data.folder import DataError, MissingDataError

ASKED = SensorSize(96, 64)
WINDOW_US = 50_000


class Expected(NamedTuple):
    sensor: SensorSize
    num_train: int
    num_val: int
    duration_us: int
    label: int | None = None
    """A class that windows show."""
    has_depth: bool = False


EXPECTED = {
    "dsec": Expected(SensorSize(640, 480), 20, 10, 50_000),
    "dsec_semantic": Expected(SensorSize(640, 440), 12, 3, WINDOW_US, label=6),
    "dsec_depth": Expected(SensorSize(640, 480), 3, 3, WINDOW_US, has_depth=True),
    "mvsec": Expected(SensorSize(346, 260), 11, 11, 50_000, has_depth=True),
    "ddd17": Expected(SensorSize(346, 200), 7, 7, 250_000, label=5),
    "eventscape": Expected(SensorSize(512, 256), 4, 4, 50_000, label=7, has_depth=True),
    "m3ed": Expected(SensorSize(1280, 720), 6, 1, WINDOW_US, label=13),
    "m3ed_depth": Expected(SensorSize(1280, 720), 2, 1, WINDOW_US, has_depth=True),
    "e_tartanair": Expected(SensorSize(640, 480), 3, 3, 1_000_000, has_depth=True),
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    return Originals(tmp_path_factory.mktemp("dense"))


@pytest.fixture(scope="module", params=sorted(EXPECTED))
def case(request: pytest.FixtureRequest, originals: Originals) -> tuple[Any, Expected, Path]:
    root = originals.root(request.param)
    return load_dataset(request.param, root), EXPECTED[request.param], root


def same(one: LabelledWindow, other: LabelledWindow) -> bool:
    fields = ("class_ids", "depth_m", "image", "previous")
    return bool(np.array_equal(one.packet.words, other.packet.words)) and all(
        np.array_equal(getattr(one, field), getattr(other, field))
        for field in fields
        if getattr(one, field) is not None
    )


def test_a_split_has_the_windows_that_its_files_hold(case: tuple[Any, Expected, Path]) -> None:
    dataset, expected, _ = case
    assert dataset.num_windows("train") == expected.num_train
    assert dataset.num_windows("val") == expected.num_val


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_window_has_events_and_labels_of_the_recording_s_own_sensor(
    case: tuple[Any, Expected, Path], split: Split
) -> None:
    dataset, expected, _ = case
    window = dataset.window(split, 0, 3, ASKED, WINDOW_US)
    assert window.packet.sensor == expected.sensor
    assert window.packet.duration_us == expected.duration_us
    assert len(window.packet) > 100
    shape = (expected.sensor.height, expected.sensor.width)
    assert (window.class_ids is None) == (expected.label is None)
    if window.class_ids is not None:
        assert window.class_ids.shape == shape
        assert window.class_ids.dtype == np.uint8
        assert set(np.unique(window.class_ids)) <= {*range(len(dataset.segmentation_labels)), 255}
        assert expected.label in window.class_ids
        assert 255 in window.class_ids
    assert (window.depth_m is None) == (not expected.has_depth)
    if window.depth_m is not None:
        assert window.depth_m.shape == shape
        assert window.depth_m.dtype == np.float32
        assert 0.3 < (window.depth_m > 0).mean() < 0.7
        assert window.depth_m.max() < 100


def test_pictures_come_where_they_are_asked_for(case: tuple[Any, Expected, Path]) -> None:
    dataset, expected, _ = case
    assert dataset.window("train", 1, 3, ASKED, WINDOW_US).image is None
    window = dataset.window("train", 1, 3, ASKED, WINDOW_US, with_images=True)
    for image in (window.image, window.previous):
        assert image.shape == (expected.sensor.height, expected.sensor.width, 3)
        assert image.dtype == np.uint8
        assert image.any()


def test_the_same_arguments_give_the_same_window(case: tuple[Any, Expected, Path]) -> None:
    dataset, _, root = case
    ways = {"augment": True, "with_images": True}
    window = dataset.window("train", 1, 3, ASKED, WINDOW_US, **ways)
    again = load_dataset(dataset.name, root).window("train", 1, 3, ASKED, WINDOW_US, **ways)
    other = dataset.window("train", 0, 3, ASKED, WINDOW_US, **ways)
    assert same(window, again)
    assert not same(window, other)


def test_a_window_becomes_a_sample_with_its_pictures(case: tuple[Any, Expected, Path]) -> None:
    dataset, expected, _ = case
    shape = SampleShape(
        spec=VoxelGridSpec(num_bins=5), height=64, width=96, depth_range_m=(0.25, 40.0),
        with_images=True,
    )  # fmt: skip
    labels = dataset.segmentation_labels
    window = dataset.window("train", 1, 3, ASKED, WINDOW_US, with_images=True)
    sample = to_sample(window, shape, Vocabulary((), labels, labels))
    assert sample.pair is not None
    assert sample.pair.counts.sum() == len(window.packet)
    assert (sample.class_ids < 255).any() == (expected.label is not None)
    assert (sample.depth_m > 0).any() == expected.has_depth


def test_windows_in_sequence_touch_and_end_with_the_one_asked_for(
    case: tuple[Any, Expected, Path],
) -> None:
    dataset, expected, _ = case
    assert isinstance(dataset, Sequential)
    if dataset.name == "ddd17":  # its labels are nearer to each other than its windows are long
        with pytest.raises(DataError, match="dir0 has not 2 windows without a gap"):
            dataset.sequence("train", 1, 3, ASKED, WINDOW_US, 2)
        return
    length_us = min(expected.duration_us, 20_000) if dataset.name != "mvsec" else WINDOW_US
    windows = dataset.sequence("train", 1, 3, ASKED, length_us, 2)
    assert same(windows[-1], dataset.window("train", 1, 3, ASKED, length_us))
    for before, after in itertools.pairwise(windows):
        assert before.packet.end_us == after.packet.start_us


def test_all_files_are_found_by_a_check(case: tuple[Any, Expected, Path]) -> None:
    dataset, _, root = case
    assert isinstance(dataset, Checkable)
    for deep in (False, True):
        problems = []
        report = check_dataset(dataset.name, root, deep=deep, report=problems.append)
        assert [each for each in problems if each.state != "found"] == []
        assert report.is_whole
        assert sum(report.num_files.values()) == len(problems) > 1


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_missing_data_set_is_named_with_its_layout(tmp_path: Path, name: str) -> None:
    with pytest.raises(MissingDataError, match=str(tmp_path)):
        load_dataset(name, tmp_path)
    report = check_dataset(name, tmp_path, deep=False, report=print)
    assert report.state == "missing"
