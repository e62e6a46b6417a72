from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from dense_files import (
    PICTURE_US,
    SHIFT,
    START_US,
    TIMES_US,
    Originals,
    e_tartanair,
    eventscape,
    some_events,
)

from events.packet import SensorSize
from training.data import mixture
from training.data.batch import Batch
from training.data.catalogue import load_dataset
from training.data.feed import batches
from training.data.timed import between_midpoints, between_neighbours, from_start, nearest
from training.methods import finetune
from training.recipe import Recipe, Stage

ASKED = SensorSize(96, 64)
WINDOW_US = 50_000


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    return Originals(tmp_path_factory.mktemp("dense"))


def test_the_nearest_time_is_the_earlier_of_two() -> None:
    times_us = np.array([10, 20, 40]) + START_US
    asked = [0, 14, 15, 16, 30, 31, 99]
    found = [nearest(times_us, START_US + each) for each in asked]
    assert found == [0, 0, 0, 1, 1, 2, 2]
    assert nearest(times_us[:0], 5) is None


def test_midpoints_make_windows_that_touch_and_hold_their_picture() -> None:
    times_us = np.array([0, 10, 30, 35, 41]) + START_US
    spans_us = between_midpoints(times_us) - START_US
    assert spans_us.tolist() == [[5, 20], [20, 32], [32, 38]]
    neighbours_us = between_neighbours(times_us[:3]) - START_US
    assert neighbours_us.tolist() == [[0, 10], [10, 30]]
    assert (from_start(times_us, 30) - START_US).tolist() == [30, 35, 41]
    assert len(from_start(times_us[:0], 30)) == 0


def test_dsec_s_windows_lie_around_pictures_that_get_redder(originals: Originals) -> None:
    dataset = load_dataset("dsec", originals.root("dsec"))
    window = dataset.window("train", 2, 0, ASKED, WINDOW_US, with_images=True)
    middle_us = int(TIMES_US[3])
    assert window.packet.start_us == middle_us - PICTURE_US // 2
    assert window.packet.end_us == middle_us + PICTURE_US // 2
    assert window.image is not None
    assert window.previous is not None
    assert window.image[240, 320, 0] == 30
    assert window.previous[240, 320, 0] == 20


def test_dsec_s_events_and_pictures_are_in_the_rectified_view(originals: Originals) -> None:
    dataset = load_dataset("dsec", originals.root("dsec"))
    window = dataset.window("train", 2, 0, ASKED, WINDOW_US, with_images=True)
    events = some_events(SensorSize(640, 480))
    inside = (events["t"] >= window.packet.start_us) & (events["t"] < window.packet.end_us)
    raw = events[inside & (events["x"] < 640 - SHIFT)]
    np.testing.assert_array_equal(window.packet.x, raw["x"] + SHIFT)
    np.testing.assert_array_equal(window.packet.y, raw["y"])
    np.testing.assert_array_equal(window.packet.t, raw["t"])
    # The left half of the picture is green; both cameras look through their middle.
    assert window.image is not None
    green = window.image[240, :, 1]
    assert (green[:318] == 200).all()
    assert not green[322:].any()


def test_dsec_s_depth_is_focal_length_times_baseline_by_disparity(originals: Originals) -> None:
    dataset = load_dataset("dsec_depth", originals.root("dsec_depth"))
    window = dataset.window("train", 0, 0, ASKED, WINDOW_US)
    assert window.packet.end_us == TIMES_US[6]
    assert window.depth_m is not None
    assert not window.depth_m[:, :320].any()
    np.testing.assert_allclose(window.depth_m[:, 320:], 550 * 0.6 / 16, rtol=1e-6)


def test_dsec_semantic_takes_the_labels_that_ess_does(originals: Originals) -> None:
    dataset = load_dataset("dsec_semantic", originals.root("dsec_semantic"))
    ends_us = [
        dataset.window("val", i, 0, ASKED, WINDOW_US).packet.end_us
        for i in range(dataset.num_windows("val"))
    ]
    assert ends_us == TIMES_US[6::2].tolist()


def test_dsec_as_downloaded_is_read_as_well(originals: Originals, tmp_path: Path) -> None:
    whole = originals.copy("dsec", tmp_path / "a") / "DSEC/train"
    home = tmp_path / "b/DSEC"
    for name in ("zurich_city_00_a", "zurich_city_10_a"):
        for kind in ("events", "images", "disparity", "calibration"):
            (home / f"train_{kind}" / name).mkdir(parents=True)
            (whole / name / kind).rename(home / f"train_{kind}" / name / kind)
        labels = home / "train_semantic_segmentation/train" / name
        labels.mkdir(parents=True)
        (whole / name / "semantic/left/11classes/data").rename(labels / "11classes")
        times = labels / f"{name}_semantic_timestamps.txt"
        (whole / name / "semantic/timestamps.txt").rename(times)
    for name in ("dsec", "dsec_semantic", "dsec_depth"):
        one = load_dataset(name, originals.root(name)).window("train", 1, 0, ASKED, WINDOW_US)
        other = load_dataset(name, tmp_path / "b").window("train", 1, 0, ASKED, WINDOW_US)
        np.testing.assert_array_equal(one.packet.words, other.packet.words)
        for field in ("class_ids", "depth_m"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_mvsec_s_windows_lie_between_depth_maps(originals: Originals) -> None:
    dataset = load_dataset("mvsec", originals.root("mvsec"))
    window = dataset.window("train", 4, 0, ASKED, 10_000, with_images=True)
    assert (window.packet.start_us, window.packet.end_us) == (TIMES_US[4], TIMES_US[5])
    assert window.depth_m is not None
    assert np.unique(window.depth_m).tolist() == [0, 15]
    assert window.image is not None
    assert window.previous is not None
    assert (window.image == 5).all()
    assert (window.previous == 4).all()


def test_ddd17_s_masks_are_of_the_picture_whose_number_they_have(originals: Originals) -> None:
    dataset = load_dataset("ddd17", originals.root("ddd17"))
    window = dataset.window("train", 2, 0, ASKED, WINDOW_US, with_images=True)
    assert window.packet.end_us == TIMES_US[7]
    assert window.class_ids is not None
    assert np.unique(window.class_ids).tolist() == [7 % 6, 255]
    assert window.image is not None
    assert window.image[0, 300, 0] == 80  # the eighth picture
    assert window.packet.y.max() < 200


@pytest.mark.parametrize("unit_us", [1e-3, 1.0])
def test_eventscape_s_events_may_be_counted_in_nano_or_microseconds(
    tmp_path: Path, unit_us: float
) -> None:
    eventscape(tmp_path, unit_us)
    dataset = load_dataset("eventscape", tmp_path)
    window = dataset.window("val", 1, 0, ASKED, WINDOW_US, with_images=True)
    end_us = 12_000_000 + 2 * PICTURE_US
    events = some_events(SensorSize(512, 256), 12_000_000)
    inside = (events["t"] > end_us - PICTURE_US) & (events["t"] <= end_us)
    np.testing.assert_array_equal(window.packet.t, events["t"][inside])
    assert window.image is not None
    assert window.image[0, 500, 0] == 20


def test_m3ed_s_pictures_are_turned_from_blue_first_and_warped_where_need_be(
    originals: Originals, tmp_path: Path
) -> None:
    root = originals.copy("m3ed_depth", tmp_path)
    ways = {"with_images": True}
    window = load_dataset("m3ed_depth", root).window("train", 0, 0, ASKED, WINDOW_US, **ways)
    (root / "M3ED/car_urban_day_horse/car_urban_day_horse_semantics.h5").unlink()
    other = load_dataset("m3ed_depth", root).window("train", 0, 0, ASKED, WINDOW_US, **ways)
    for image in (window.image, other.image):
        assert image is not None
        np.testing.assert_array_equal(image[300:400], np.broadcast_to([30, 20, 10], (100, 1280, 3)))


def test_e_tartanair_s_windows_are_its_files(tmp_path: Path) -> None:
    e_tartanair(tmp_path)
    dataset: Any = load_dataset("e_tartanair", tmp_path)
    assert [scene.name for scene in dataset.scenes["val"]] == ["hospital/Hard/P001"]
    window = dataset.window("train", 2, 0, ASKED, WINDOW_US, with_images=True)
    assert (window.packet.start_us, window.packet.end_us) == (2_000_000, 3_000_000)
    assert window.image[0, 600, 0] == 30
    assert window.previous[0, 600, 0] == 20
    path = tmp_path / "E-TartanAir/office/Easy/P000/event_left/000002_000003_event.hdf5"
    with h5py.File(path) as file:
        assert len(window.packet) == len(file["t"])


def test_workers_read_what_a_process_with_open_files_reads(
    originals: Originals, tmp_path: Path
) -> None:
    for name in ("dsec_semantic", "mvsec"):
        originals.copy(name, tmp_path)
    stage = Stage(steps=1, height=32, width=48, batch_size=2)
    shares = {"dsec_semantic": 1.0, "mvsec": 1.0}
    data = mixture.Config(shares=shares, root=tmp_path, with_images=True)
    recipe = Recipe(name="test", stages=(stage,), data=data, method=finetune.Config())
    feed = data.build(recipe)
    found: list[list[Batch]] = []
    for num_workers in (0, 2):  # the first leaves files open, which no worker may go on with
        deliveries = list(batches(feed, stage, first=0, num_batches=3, num_workers=num_workers))
        assert not any(each.skipped for each in deliveries)
        found.append([each.batch for each in deliveries if isinstance(each.batch, Batch)])
    assert len(found[0]) == len(found[1]) == 3
    for own, theirs in zip(*found, strict=True):
        assert own.names == theirs.names
        assert own.events.equal(theirs.events)
        assert own.paired().images.equal(theirs.paired().images)
        assert own.targets.depth_m.equal(theirs.targets.depth_m)
