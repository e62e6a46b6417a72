"""Every data set read by its official layout keeps one contract; tiny ones are made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_layouts import LAYOUTS, Layout

from events.packet import SensorSize
from events.recordings.recording import RecordingError
from training.data.catalogue import dataset_class, dataset_names, load_dataset
from training.data.check import Checkable, Finding, Report, check_dataset
from training.data.dataset import DataSet, Split
from training.data.feed import Readable
from training.data.folder import DataError, MissingDataError
from training.data.recorded import SPLITS

ASKED = SensorSize(48, 40)
WINDOW_US = 50_000
EMPTY = sorted(name for name, layout in LAYOUTS.items() if layout.empty is not None)
PAIRED = sorted(name for name, layout in LAYOUTS.items() if layout.with_images)
BY_FILE = sorted(set(EMPTY) | {"imagenet", "imagenet1k", "n_caltech101"})
"""Sets whose files are opened when a window is asked for."""


@pytest.fixture(scope="module", params=LAYOUTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def root(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole data set; not to be changed."""
    root = tmp_path_factory.mktemp(name)
    LAYOUTS[name].write(root)
    return root


@pytest.fixture(scope="module")
def dataset(name: str, root: Path) -> DataSet:
    return load_dataset(name, root)


def checked(name: str, root: Path, *, deep: bool = True) -> tuple[Report, list[Finding]]:
    found: list[Finding] = []
    return check_dataset(name, root, deep=deep, report=found.append), found


def broken(name: str, root: Path) -> Path:
    """Make one, and replace its first file by what is none."""
    LAYOUTS[name].write(root)
    path = sorted(root.glob(LAYOUTS[name].files))[0]
    path.write_bytes(b"this is not what it was, " * 20)
    return path


def layout_of(name: str) -> Layout:
    return LAYOUTS[name]


def test_windows_have_events_and_a_label_and_the_recording_s_own_sensor(
    name: str, dataset: DataSet
) -> None:
    layout = layout_of(name)
    numbers = {split: dataset.num_windows(split) for split in SPLITS}
    assert numbers == {"train": layout.num_train, "val": layout.num_val}
    for split, number in numbers.items():
        for index in range(number):
            window = dataset.window(split, index, 3, ASKED, WINDOW_US)
            assert window.packet.sensor == (layout.sensor or ASKED)
            assert len(window.packet) > 5
            assert (np.diff(window.packet.t) >= 0).all()
            assert window.packet.start_us <= window.packet.t[0]
            assert window.packet.t[-1] < window.packet.end_us
            assert window.label in (dataset.recognition_labels or (None,))
    assert len(set(dataset.recognition_labels)) == len(dataset.recognition_labels)


@pytest.mark.parametrize("augment", [False, True])
def test_equal_arguments_give_equal_windows(dataset: DataSet, augment: bool) -> None:
    split: Split = "train" if dataset.num_windows("train") else "val"
    first, again = (
        dataset.window(split, 1, 5, ASKED, WINDOW_US, augment=augment) for _ in range(2)
    )
    assert np.array_equal(first.packet.events, again.packet.events)
    assert first.label == again.label


def test_a_check_finds_all_files_of_a_whole_set(name: str, root: Path) -> None:
    report, found = checked(name, root)
    assert (report.state, report.is_whole, report.num_missing) == ("found", True, 0)
    assert not any(finding.problem for finding in found)
    assert {finding.path for finding in found} == set(root.glob(layout_of(name).files))
    assert sum(report.num_files.values()) == len(found)


def test_a_set_that_is_not_there_says_where_it_should_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="SACCADE_DATA"):
        load_dataset(name, tmp_path)
    report, found = checked(name, tmp_path)
    assert (report.state, found) == ("missing", [])
    assert str(tmp_path) in report.reason
    assert report.is_whole  # nobody needs all sets


def test_a_corrupt_file_is_named_by_the_check(name: str, tmp_path: Path) -> None:
    path = broken(name, tmp_path)
    report, found = checked(name, tmp_path, deep=False)
    assert not report.is_whole
    named = [str(finding.path) for finding in found if finding.state == "corrupt"]
    assert named == [str(path)] or str(path) in report.reason


@pytest.mark.parametrize("name", BY_FILE, indirect=True)
def test_a_corrupt_file_is_replaced_in_training_and_named(name: str, tmp_path: Path) -> None:
    path = broken(name, tmp_path)
    dataset = load_dataset(name, tmp_path)

    class Windows:
        def __getitem__(self, i: int) -> object:
            place = i if i < 1 << 40 else i - (1 << 40) + 1  # what a second attempt draws
            split, index = places[place % len(places)]
            return dataset.window(split, index, 0, ASKED, WINDOW_US)

    places: list[tuple[Split, int]] = [
        (split, index) for split in SPLITS for index in range(dataset.num_windows(split))
    ]
    drawn = [Readable(Windows())[i] for i in range(len(places))]  # type: ignore[arg-type]
    reasons = [skipped.reason for _, found in drawn for skipped in found]
    assert reasons
    assert all(str(path) in reason for reason in reasons)


@pytest.mark.parametrize("name", EMPTY, indirect=True)
def test_an_empty_recording_is_named_and_no_window(name: str, tmp_path: Path) -> None:
    layout = layout_of(name)
    layout.write(tmp_path)
    paths = sorted(tmp_path.glob(layout.files))
    assert layout.empty is not None
    for path in paths:
        layout.empty(path)
    dataset = load_dataset(name, tmp_path)
    with pytest.raises((DataError, RecordingError), match="holds no events") as raised:
        dataset.window("train", 0, 0, ASKED, WINDOW_US)
    assert any(str(path) in str(raised.value) for path in paths)
    report, _ = checked(name, tmp_path)
    assert report.num_corrupt == len(paths)


@pytest.mark.parametrize("name", EMPTY, indirect=True)
def test_a_file_that_went_missing_is_named(name: str, tmp_path: Path) -> None:
    layout_of(name).write(tmp_path)
    dataset = load_dataset(name, tmp_path)
    path = sorted(tmp_path.glob(layout_of(name).files))[0]
    path.unlink()
    assert isinstance(dataset, Checkable)
    missing = [each for each in dataset.check(deep=False) if each.state == "missing"]
    assert [each.path for each in missing] == [path]


@pytest.mark.parametrize("name", PAIRED, indirect=True)
def test_windows_come_with_pictures_of_the_sensor_s_size(name: str, dataset: DataSet) -> None:
    window = dataset.window("train", 1, 0, ASKED, WINDOW_US, with_images=True)
    sensor = window.packet.sensor
    for picture in (window.image, window.previous):
        assert picture is not None
        assert picture.shape == (sensor.height, sensor.width, 3)
        assert picture.dtype == np.uint8
        assert picture.std() > 0
    assert dataset.window("train", 1, 0, ASKED, WINDOW_US).image is None


def test_every_set_of_files_says_its_layout() -> None:
    for each in dataset_names():
        made = dataset_class(each)
        if hasattr(made, "check"):
            assert "/" in getattr(made, "layout", "")
