"""The .bin files of N-MNIST and N-Caltech101, and Event Streams, against what else is known."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from column_files import event_stream, nmnist
from recording_files import assert_same

from events.packet import EventArray, pack_events
from events.recordings.open import open_recording
from events.recordings.recording import RecordingError


def read(path: Path) -> EventArray:
    with open_recording(path) as recording:
        return recording.events_between(0, 2**61).events


def test_a_row_of_240_is_no_event_but_time_that_passed(tmp_path: Path) -> None:
    events = pack_events([10, 11, 20, 30], [1, 2, 0, 3], [4, 5, 240, 6], [1, 0, 1, 1])
    nmnist(tmp_path / "a.bin", events)
    expected = pack_events([10, 11, 8192 + 30], [1, 2, 3], [4, 5, 6], [1, 0, 1])
    assert_same(read(tmp_path / "a.bin"), expected)


@pytest.mark.parametrize(("x", "sensor"), [(33, "34x34"), (34, "304x240")])
def test_the_extent_tells_the_two_sensors_apart(x: int, sensor: str, tmp_path: Path) -> None:
    nmnist(tmp_path / "a.bin", pack_events([1, 2], [0, x], [33, 0], [0, 1]))
    with open_recording(tmp_path / "a.bin") as recording:
        assert str(recording.sensor) == sensor


def test_bytes_after_the_last_record_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    nmnist(path, pack_events([1, 2], [0, 1], [3, 4], [0, 1]))
    path.write_bytes(path.read_bytes() + b"\0\0\0")
    with open_recording(path) as recording:
        assert len(recording.events_between(0, 9)) == 2
        assert recording.damage.skipped_bytes == 3


@pytest.mark.parametrize(("major", "kind"), [(2, 0), (2, 2), (1, 1)])
def test_event_streams_of_other_kinds_are_refused(major: int, kind: int, tmp_path: Path) -> None:
    path = tmp_path / "a.es"
    path.write_bytes(struct.pack("<12s3BB2H", b"Event Stream", major, 0, 0, kind, 64, 48))
    with pytest.raises(RecordingError, match=rf"{major}.0 of type {kind}: only 2.x of type 1"):
        open_recording(path)


def test_time_that_passes_without_events_is_kept(tmp_path: Path) -> None:
    events = pack_events([0, 126, 127, 1_000_000], [1, 2, 3, 4], [5, 6, 7, 8], [0, 1, 1, 0])
    event_stream(tmp_path / "a.es", events)
    assert_same(read(tmp_path / "a.es"), events)


def test_the_face_of_ncaltech101_is_the_one_that_was_derived_from_it(data_folder: Path) -> None:
    derived = data_folder / "recordings" / "derived" / "ncaltech101_face_304x240.aedat4"
    ours = read(data_folder / "recognition" / "samples" / "ncaltech101_faces_easy_0001.bin")
    expected = read(derived).copy()
    expected["t"] += ours["t"][0] - expected["t"][0]
    assert_same(ours, expected)


def test_the_digit_of_nmnist_has_its_events(data_folder: Path) -> None:
    path = data_folder / "recognition" / "samples" / "tonic_sample_nmnist.bin"
    with open_recording(path) as recording:
        assert str(recording.sensor) == "34x34"
        assert len(recording.events_between(0, 10**6)) == 4325
        assert recording.damage.is_clean


def test_the_real_event_stream_is_its_dat_recording_one_row_higher(data_folder: Path) -> None:
    """The program that made it from the DAT file took 239 for the last row of a height of 239."""
    stream = read(data_folder / "other_formats" / "loris_test.es")
    dat = read(data_folder / "recognition" / "samples" / "loris_NCARS_obj_004397_td.dat")
    for name in "txp":
        np.testing.assert_array_equal(stream[name], dat[name])
    np.testing.assert_array_equal(stream["y"] + 1, dat["y"])
