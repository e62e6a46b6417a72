"""Numpy files: arrays in any order of storage, and those that are no recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from column_files import SENSOR, UNIX_US, npy_records, table
from recording_files import assert_same, random_events

from events.packet import EventArray
from events.recordings.open import open_recording
from events.recordings.recording import RecordingError

EVENTS = random_events(700, start_us=UNIX_US)


def read(path: Path) -> EventArray:
    with open_recording(path, SENSOR) as recording:
        return recording.events_between(0, 2**61).events


@pytest.mark.parametrize("order", ["txyp", "xytp", "xypt"])
@pytest.mark.parametrize("storage", ["C", "F"])
def test_a_table_in_any_order_is_read(order: str, storage: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.asarray(table(EVENTS, order), order=storage))
    np.savez(tmp_path / "a.npz", np.asarray(table(EVENTS, order), order=storage))
    assert_same(read(tmp_path / "a.npy"), EVENTS)
    assert_same(read(tmp_path / "a.npz"), EVENTS)


@pytest.mark.parametrize("kind", [np.uint32, np.int64, np.float32, np.bool_])
def test_polarities_of_any_type_are_0_or_1(kind: type, tmp_path: Path) -> None:
    columns = {name: EVENTS[name] for name in "txy"}
    np.savez(tmp_path / "a.npz", p=EVENTS["p"].astype(kind), **columns)
    assert_same(read(tmp_path / "a.npz"), EVENTS)


@pytest.mark.parametrize(
    ("name", "factor"), [("t_us", 1), ("t_ns", 1000), ("timestamps (ns)", 1000), ("ts", 1)]
)
def test_the_name_may_say_the_unit(name: str, factor: int, tmp_path: Path) -> None:
    columns = {each: EVENTS[each] for each in "xyp"}
    np.savez(tmp_path / "a.npz", **{name: EVENTS["t"] * factor}, **columns)
    assert_same(read(tmp_path / "a.npz"), EVENTS)


def test_unix_nanoseconds_are_told_by_their_size(tmp_path: Path) -> None:
    columns = {each: EVENTS[each] for each in "xyp"}
    np.savez(tmp_path / "a.npz", ts=EVENTS["t"] * 1000, **columns)
    assert_same(read(tmp_path / "a.npz"), EVENTS)


def test_numbers_that_fit_no_sensor_are_outside_of_it(tmp_path: Path) -> None:
    x = EVENTS["x"].astype(np.float64)
    x[[3, 4, 5]] = np.nan, -7, 1e9
    columns = {name: EVENTS[name] for name in "typ"}
    np.savez(tmp_path / "a.npz", x=x, **columns)
    with open_recording(tmp_path / "a.npz", SENSOR) as recording:
        assert len(recording.events_between(0, 2**61)) == 697
        assert recording.damage.out_of_bounds_events == 3


def test_a_cut_npy_file_gives_its_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    npy_records(path, EVENTS)
    path.write_bytes(path.read_bytes()[:-100])
    with open_recording(path, SENSOR) as recording:
        assert_same(recording.events_between(0, 2**61).events, EVENTS[:693])
        assert recording.damage.lost_events == 7


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"offsets": np.arange(4)}, "holds 3 recordings .* a data set to train on"),
        ({"images": np.zeros((2, 3))}, r"holds no events: it needs arrays t, x, y and p"),
        ({"t": np.array([{}]), "x": [1], "y": [1], "p": [1]}, "pickled objects"),
        ({"t": ["a"], "x": [1], "y": [1], "p": [1]}, "columns that are not numbers"),
    ],
)
def test_what_is_no_recording_is_refused(
    arrays: dict[str, np.ndarray], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(RecordingError, match=message):
        open_recording(path)


@pytest.mark.parametrize("array", [np.zeros(()), np.zeros((3, 2)), np.array([{}, {}])])
def test_a_npy_file_of_something_else_is_refused(array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(RecordingError, match=r"not a recording|not one of events"):
        open_recording(tmp_path / "a.npy")
