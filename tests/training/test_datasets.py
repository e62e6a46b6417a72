from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from events.representations.voxel_grid import VoxelGridSpec
from training.data.batch import SampleShape, Vocabulary, collate, to_sample
from training.data.catalogue import dataset_class, dataset_names, joint_labels, load_dataset
from training.data.dataset import DataSet, Split
from training.data.folder import DataError

SENSOR = SensorSize(96, 64)
WINDOW_US = 50_000
SIMULATED = [
    "camvid", "seven_scenes", "synthetic", "tiny_imagenet", "tiny_imagenet_seen",
    "tiny_imagenet_unseen",
]  # fmt: skip


@pytest.fixture(scope="module", params=SIMULATED)
def dataset(request: pytest.FixtureRequest) -> Iterator[DataSet]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "synthetic":
            folder: Path = request.getfixturevalue("data_folder")
            patch.setenv("SACCADE_DATA", str(folder))
        yield load_dataset(request.param)


SHAPE = SampleShape(spec=VoxelGridSpec(num_bins=5), height=64, width=96, depth_range_m=(0.25, 40.0))


def vocabulary_of(dataset: DataSet) -> Vocabulary:
    recognition, segmentation = joint_labels([dataset])
    return Vocabulary(recognition, segmentation, dataset.segmentation_labels)


@pytest.mark.parametrize("split", ["train", "val"])
def test_windows_have_events_and_labels_of_the_sensor_s_size(
    dataset: DataSet, split: Split
) -> None:
    window = dataset.window(split, 1, 7, SENSOR, WINDOW_US)
    assert dataset.num_windows(split) > 20
    assert window.packet.sensor == SENSOR
    assert window.packet.duration_us == WINDOW_US
    assert len(window.packet) > 50
    assert window.label is None or window.label in dataset.recognition_labels
    if window.class_ids is not None:
        assert window.class_ids.shape == (64, 96)
        known = window.class_ids[window.class_ids != 255]
        assert known.size
        assert known.max() < len(dataset.segmentation_labels)
    if window.depth_m is not None:
        assert window.depth_m.shape == (64, 96)
        assert (window.depth_m > 0).mean() > 0.5
    assert not (window.label is window.class_ids is window.depth_m is None)


def test_equal_arguments_give_equal_windows_and_other_seeds_other_ones(dataset: DataSet) -> None:
    first = dataset.window("train", 3, 5, SENSOR, WINDOW_US)
    again = dataset.window("train", 3, 5, SENSOR, WINDOW_US)
    other = dataset.window("train", 3, 6, SENSOR, WINDOW_US)
    assert np.array_equal(first.packet.events, again.packet.events)
    assert not np.array_equal(first.packet.t, other.packet.t)


def test_a_sample_has_the_network_s_shapes_and_a_batch_stacks_them(dataset: DataSet) -> None:
    vocabulary = vocabulary_of(dataset)
    shape = replace(SHAPE, with_images=True)
    windows = [dataset.window("train", i, i, SENSOR, WINDOW_US, with_images=True) for i in range(2)]
    batch = collate([to_sample(window, shape, vocabulary) for window in windows])
    assert batch.events.shape == (2, 5, 64, 96)
    assert batch.targets.segmentation.shape == batch.targets.depth_m.shape == (2, 16, 24)
    assert batch.embedding.shape == (2, 0)
    pairs = batch.paired()
    assert pairs.images.shape == pairs.previous.shape == (2, 3, 64, 96)
    assert pairs.counts.sum().item() == sum(len(window.packet) for window in windows)
    moved = (pairs.images.float().mean(1) - pairs.previous.float().mean(1)).abs()
    busy, quiet = pairs.counts > 0, pairs.counts == 0
    assert moved[busy].mean() > 1.5 * moved[quiet].mean()  # events lie where brightness changed


def test_held_out_synthetic_scenes_are_never_trained_on() -> None:
    synthetic = load_dataset("synthetic")
    held_out = synthetic.window("val", 4, 1, SENSOR, WINDOW_US)
    for seed in (1, 4, 5):
        trained = synthetic.window("train", 4, seed, SENSOR, WINDOW_US)
        assert not np.array_equal(held_out.class_ids, trained.class_ids)


def test_labels_lie_where_the_sensor_s_pixels_lie() -> None:
    synthetic = load_dataset("synthetic")
    window = synthetic.window("train", 0, 3, SensorSize(60, 60), WINDOW_US)
    sample = to_sample(window, SHAPE, vocabulary_of(synthetic))
    letterbox = Letterbox(SensorSize(60, 60), 64, 96)
    rows, columns = letterbox.y_lut // 4, letterbox.x_lut // 4
    shown = sample.class_ids[rows[:, None], columns[None]]
    assert (sample.class_ids[:, :4] == 255).all()  # beside the picture
    assert (shown == window.class_ids).mean() > 0.85  # a cell is 4 pixels wide


def test_joint_labels_are_unique_and_begin_with_the_synthetic_kinds() -> None:
    synthetic = load_dataset("synthetic")
    recognition, segmentation = joint_labels([synthetic])
    assert recognition == synthetic.recognition_labels
    assert segmentation == synthetic.segmentation_labels
    assert len(set(recognition)) == len(recognition)


def test_scenes_are_film_and_separate_things_are_not() -> None:
    is_film = {name: getattr(dataset_class(name), "is_film", None) for name in dataset_names()}
    assert all(isinstance(each, bool) for each in is_film.values()), is_film
    scenes = ("synthetic", "camvid", "seven_scenes", "video", "davis_frames", "dsec", "dsec_depth")
    things = ("tiny_imagenet", "imagenet1k", "n_imagenet", "n_cars", "nmnist_small")
    assert all(is_film[name] for name in scenes)
    assert not any(is_film[name] for name in things)


def test_a_missing_data_set_says_where_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SACCADE_DATA", "/nowhere")
    with pytest.raises(DataError, match=r"/nowhere.*SACCADE_DATA"):
        load_dataset("camvid")


def test_an_unknown_data_set_is_answered_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="camvid"):
        load_dataset("cityscapes")
