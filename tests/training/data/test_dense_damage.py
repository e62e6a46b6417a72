from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest
from dense_files import Originals, cut, damage
from torch.utils.data import Dataset

from events.packet import SensorSize
from events.recordings.recording import RecordingError
from training.data.catalogue import load_dataset
from training.data.check import Finding, check_dataset
from training.data.feed import Readable
from training.data.folder import DataError

ASKED = SensorSize(96, 64)
WINDOW_US = 50_000
DSEC = "DSEC/train/zurich_city_00_a"


class Broken(NamedTuple):
    """One file of a data set that is not as it should be."""

    name: str
    path: str
    harm: Callable[[Path], None]
    state: str
    """What a check says of it."""


def chunk_of(array: str) -> Callable[[Path], None]:
    return lambda path: damage(path, array)


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


CASES = [
    Broken("dsec", f"{DSEC}/events/left/events.h5", cut, "corrupt"),
    Broken("dsec", f"{DSEC}/events/left/events.h5", chunk_of("events/t"), "corrupt"),
    Broken("dsec", f"{DSEC}/events/left/events.h5", remove, "missing"),
    Broken("dsec", f"{DSEC}/events/left/rectify_map.h5", remove, "missing"),
    Broken("dsec", f"{DSEC}/images/left/rectified/000008.png", remove, "missing"),
    Broken("dsec", f"{DSEC}/images/left/rectified/000008.png", cut, "corrupt"),
    Broken("dsec_semantic", f"{DSEC}/semantic/left/11classes/data/000010.png", empty, "corrupt"),
    Broken("dsec_depth", f"{DSEC}/disparity/event/000010.png", cut, "corrupt"),
    Broken(
        "mvsec", "MVSEC/outdoor/outdoor_day2_data.hdf5", chunk_of("davis/left/events"), "corrupt",
    ),
    Broken(
        "mvsec", "MVSEC/outdoor/outdoor_day2_gt.hdf5", chunk_of("davis/left/depth_image_raw"),
        "corrupt",
    ),
    Broken("ddd17", "DDD17/dir0/events.dat.t", remove, "missing"),
    Broken("ddd17", "DDD17/dir0/segmentation_masks/segmentation_00000008.png", cut, "corrupt"),
    Broken(
        "eventscape",
        "EventScape/Town01-03_train/Town01/sequence_0/events/data/01_001_0002_events.npz", cut,
        "corrupt",
    ),
    Broken(
        "eventscape",
        "EventScape/Town01-03_train/Town01/sequence_0/depth/data/01_001_0002_depth.npy", cut,
        "corrupt",
    ),
    Broken(
        "m3ed", "M3ED/car_urban_day_horse/car_urban_day_horse_semantics.h5",
        chunk_of("predictions"), "corrupt",
    ),
    Broken(
        "e_tartanair", "E-TartanAir/office/Easy/P000/event_left/000001_000002_event.hdf5", cut,
        "corrupt",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    return Originals(tmp_path_factory.mktemp("dense"))


class Windows(Dataset[Any]):
    """A data set's training windows over and over, as a feed asks for them."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __getitem__(self, i: int) -> Any:
        number = i % (1 << 40) + (i >> 40)
        index = number % self.dataset.num_windows("train")
        return self.dataset.window("train", index, 0, ASKED, WINDOW_US, with_images=True)


@pytest.mark.parametrize("broken", CASES, ids=lambda case: f"{case.name}-{Path(case.path).name}")
def test_a_broken_file_is_skipped_in_training_and_named_by_a_check(
    tmp_path: Path, originals: Originals, broken: Broken
) -> None:
    originals.copy(broken.name, tmp_path)
    path = tmp_path / broken.path
    broken.harm(path)
    dataset = load_dataset(broken.name, tmp_path)
    windows = Readable(Windows(dataset))
    skipped = [each for i in range(dataset.num_windows("train")) for each in windows[i][1]]
    assert skipped
    assert all(str(path) in each.reason for each in skipped)
    problems: list[Finding] = []
    report = check_dataset(broken.name, tmp_path, deep=True, report=problems.append)
    found = [each for each in problems if each.problem]
    assert [each.path for each in found] == [path]
    assert found[0].state == broken.state
    assert not report.is_whole


def test_times_that_run_backwards_are_refused(tmp_path: Path, originals: Originals) -> None:
    originals.copy("mvsec", tmp_path)
    with h5py.File(tmp_path / "MVSEC/outdoor/outdoor_day2_gt.hdf5", "r+") as file:
        file["davis/left/depth_image_raw_ts"][3] = 5.0
    with pytest.raises(DataError, match="run backwards: 5000000 us follows"):
        load_dataset("mvsec", tmp_path)


def test_a_picture_without_its_time_is_told(tmp_path: Path, originals: Originals) -> None:
    originals.copy("dsec_depth", tmp_path)
    times = tmp_path / DSEC / "disparity/timestamps.txt"
    times.write_text(times.read_text().partition("\n")[2])
    with pytest.raises(DataError, match=r"holds 6 pictures, .*timestamps\.txt 5 times"):
        load_dataset("dsec_depth", tmp_path)


def test_a_file_that_a_data_set_begins_with_is_named_where_it_is_broken(
    tmp_path: Path, originals: Originals
) -> None:
    originals.copy("m3ed", tmp_path)
    path = tmp_path / "M3ED/car_urban_day_horse/car_urban_day_horse_semantics.h5"
    cut(path)
    with pytest.raises(RecordingError, match=r"semantics\.h5 is cut short"):
        load_dataset("m3ed", tmp_path)
    report = check_dataset("m3ed", tmp_path, deep=False, report=print)
    assert report.state == "corrupt"
    assert str(path) in report.reason


def test_labels_after_the_events_end_are_an_error_that_names_both(
    tmp_path: Path, originals: Originals
) -> None:
    originals.copy("m3ed_depth", tmp_path)
    path = tmp_path / "M3ED/car_urban_day_horse/car_urban_day_horse_depth_gt.h5"
    with h5py.File(path, "r+") as file:
        file["ts"][:] = file["ts"][:] + 10_000_000
    dataset = load_dataset("m3ed_depth", tmp_path)
    with pytest.raises(DataError, match=r"_data\.h5 covers \[.*not \["):
        dataset.window("train", 0, 0, ASKED, WINDOW_US)


def test_a_quiet_window_amid_a_recording_has_no_events_and_its_label(
    tmp_path: Path, originals: Originals
) -> None:
    originals.copy("mvsec", tmp_path)
    path = tmp_path / "MVSEC/outdoor/outdoor_day2_data.hdf5"
    with h5py.File(path, "r+") as file:
        rows = np.asarray(file["davis/left/events"])
        start_s, end_s = np.asarray(file["davis/left/image_raw_ts"])[[4, 5]]
        del file["davis/left/events"]
        file["davis/left/events"] = rows[(rows[:, 2] < start_s) | (rows[:, 2] >= end_s)]
    window = load_dataset("mvsec", tmp_path).window("train", 4, 0, ASKED, WINDOW_US)
    assert len(window.packet) == 0
    assert window.depth_m is not None
    assert window.depth_m.any()


def test_methods_that_need_pictures_are_told_where_there_are_none(
    tmp_path: Path, originals: Originals
) -> None:
    originals.copy("ddd17", tmp_path)
    for path in (tmp_path / "DDD17/dir0/imgs").iterdir():
        path.unlink()
    (tmp_path / "DDD17/dir0/imgs").rmdir()
    dataset = load_dataset("ddd17", tmp_path)
    dataset.window("train", 0, 0, ASKED, WINDOW_US)
    with pytest.raises(DataError, match="dir0 has no pictures"):
        dataset.window("train", 0, 0, ASKED, WINDOW_US, with_images=True)


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("dsec", f"{DSEC}/images/timestamps.txt"),
        ("dsec_semantic", f"{DSEC}/semantic/timestamps.txt"),
        ("dsec_depth", f"{DSEC}/disparity/timestamps.txt"),
        ("mvsec", "MVSEC/outdoor/outdoor_day2_data.hdf5"),
        ("ddd17", "DDD17/dir0/index/index_50ms.npy"),
        ("eventscape", "EventScape/Town05_val/sequence_7/events/data/timestamps.txt"),
    ],
)
def test_a_data_set_that_is_there_but_lacks_a_file_is_not_whole(
    tmp_path: Path, originals: Originals, name: str, lacks: str
) -> None:
    originals.copy(name, tmp_path)
    (tmp_path / lacks).unlink()
    report = check_dataset(name, tmp_path, deep=False, report=print)
    assert not report.is_whole
    assert report.reason == f"{tmp_path / lacks} is missing"
