"""HDF5: what its layouts and compressions can do wrong, told or counted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest
from column_files import SENSOR, UNIX_US, dsec, event_utils, m3ed, metavision, mvsec, table
from recording_files import assert_same, random_events

from events.packet import EventArray, SensorSize
from events.recordings import columns
from events.recordings.open import open_recording
from events.recordings.recording import RecordingError

EVENTS = random_events(700, start_us=UNIX_US)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.h5"


def read(path: Path) -> EventArray:
    with open_recording(path, SENSOR) as recording:
        return recording.events_between(0, 2**61).events


@pytest.mark.parametrize("filters", [{"compression": "gzip"}, dict(hdf5plugin.Blosc(cname="zstd"))])
def test_compressed_events_are_read(filters: dict[str, object], path: Path) -> None:
    dsec(path, EVENTS, **filters)
    assert_same(read(path), EVENTS)


def test_a_codec_that_is_not_there_is_named_in_one_line(path: Path) -> None:
    kind = np.dtype([("x", "<u2"), ("y", "<u2"), ("p", "<i2"), ("t", "<i8")])
    with h5py.File(path, "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((64,))
        plan.set_filter(0x8ECF, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((64,))
        group = file.create_group("CD")
        h5py.h5d.create(group.id, b"events", h5py.h5t.py_create(kind, logical=True), space, plan)
    with pytest.raises(RecordingError, match=r"ECF codec, which hdf5plugin lacks: install"):
        open_recording(path)


@pytest.mark.parametrize("index", ["none", "zeros", "too large", "empty"])
def test_a_wrong_index_changes_nothing(
    index: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "ROWS_AT_ONCE", 64)
    dsec(path, EVENTS)
    with h5py.File(path, "a") as file:
        right = file["ms_to_idx"][:]
        del file["ms_to_idx"]
        wrong = {"zeros": right * 0, "too large": right + 10**6, "empty": right[:0]}
        if index != "none":
            file["ms_to_idx"] = wrong[index]
    with open_recording(path, SENSOR) as recording:
        for start_us in range(UNIX_US - 1000, UNIX_US + 200_000, 17_000):
            packet = recording.events_between(start_us, start_us + 9000)
            is_within = (EVENTS["t"] >= start_us) & (EVENTS["t"] < start_us + 9000)
            assert_same(packet.events, EVENTS[is_within])


def test_a_damaged_chunk_costs_its_rows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "ROWS_AT_ONCE", 64)
    dsec(path, EVENTS, compression="gzip")
    with h5py.File(path) as file:
        place = file["events/x"].id.get_chunk_info(3)
    data = bytearray(path.read_bytes())
    data[place.byte_offset : place.byte_offset + place.size] = b"\xff" * place.size
    path.write_bytes(data)
    with open_recording(path, SENSOR) as recording:
        found = sum(len(packet) for packet in recording.packets())
        assert found == 700 - 64
        assert recording.damage.damaged_packets == 1
        assert recording.damage.lost_events == 64


@pytest.mark.parametrize("write", [dsec, m3ed, metavision, event_utils])
def test_a_wrong_byte_anywhere_is_counted_or_told(
    write: Callable[[Path, EventArray], None], path: Path
) -> None:
    write(path, EVENTS[:40])
    data = path.read_bytes()
    for place in range(8, len(data), 23):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        with suppress(RecordingError), open_recording(path, SENSOR) as recording:
            list(recording.packets(duration_us=10**9))
            assert str(recording.damage)


def test_times_beyond_all_numbers_are_out_of_order(path: Path) -> None:
    mvsec(path, EVENTS)
    with h5py.File(path, "a") as file:
        file["davis/left/events"][10, 2] = 1e305
    with open_recording(path) as recording:
        assert sum(len(packet) for packet in recording.packets()) == len(EVENTS) - 1
        assert recording.damage.out_of_order_events == 1


def test_rows_that_a_column_lacks_are_lost_and_counted(path: Path) -> None:
    dsec(path, EVENTS)
    with h5py.File(path, "a") as file:
        short = file["events/p"][:-10]
        del file["events/p"]
        file["events/p"] = short
    assert_same(read(path), EVENTS[:-10])
    with open_recording(path, SENSOR) as recording:
        assert recording.damage.lost_events == 10


def test_only_the_chunks_of_a_slice_are_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "ROWS_AT_ONCE", 64)
    dsec(path, EVENTS)
    with open_recording(path, SENSOR) as recording:
        assert recording.end_us > recording.start_us
        asked: list[int] = []
        read_chunk = recording._chunks.read
        monkeypatch.setattr(
            recording._chunks, "read", lambda number: asked.append(number) or read_chunk(number)
        )
        recording.events_between(UNIX_US + 100_000, UNIX_US + 101_000)
        assert 0 < len(asked) <= 4


def test_the_attributes_say_the_size(path: Path) -> None:
    dsec(path, EVENTS)
    with h5py.File(path, "a") as file:
        file["events"].attrs["width"], file["events"].attrs["height"] = 320, 240
    with open_recording(path, SENSOR) as recording:
        assert recording.sensor == SensorSize(320, 240)


def test_the_frames_of_mvsec_are_frames(path: Path) -> None:
    mvsec(path, EVENTS)
    with open_recording(path) as recording:
        frames = list(recording.frames())
        assert [frame.t_us - int(EVENTS["t"][0]) for frame in frames] == [0, 50_000]
        assert frames[0].pixels.shape == (48, 64)
        assert len(list(recording.frames(frames[1].t_us))) == 1


def test_the_left_camera_of_m3ed_is_read(path: Path) -> None:
    m3ed(path, EVENTS)
    with open_recording(path) as recording:
        assert recording.streams[0].name == "prophesee/left"
        assert recording.sensor == SensorSize(1280, 720)


def test_hdf5_without_events_says_what_it_holds(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["weights/layer1"] = np.zeros(3)
    with pytest.raises(RecordingError, match=r"no events in a layout .* it holds weights"):
        open_recording(path)


def test_a_table_that_is_not_of_events_is_refused(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["events"] = table(EVENTS, "ptxy") * 1.5
    with pytest.raises(RecordingError, match="its columns are not those of events"):
        open_recording(path)
