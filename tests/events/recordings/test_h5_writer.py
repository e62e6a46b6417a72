"""Hdf5Writer: DSEC's layout as others read it, never half a file under its name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  # registers blosc
import numpy as np
import pytest
from recording_files import SENSOR, UNIX_US, assert_same, packet_of, random_events

from events.packet import EventArray, EventPacket, SensorSize, pack_events
from events.recordings import columns, free_space, h5_writer
from events.recordings.h5_writer import COMPRESSIONS, Hdf5Writer
from events.recordings.open import open_recording
from events.recordings.recording import Frame

EVENTS = random_events(5000)


def write(path: Path, events: EventArray, num_parts: int = 5, **options: object) -> Path:
    with Hdf5Writer(path, SENSOR, "TEST_1", **options) as writer:
        for part in np.array_split(np.arange(len(events)), num_parts):
            writer.write(packet_of(events[part[0] : part[-1] + 1] if len(part) else events[:0]))
    return path


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_what_was_written_is_read(compression: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", EVENTS, compression=compression)
    with open_recording(path) as recording:
        assert_same(recording.events_between(0, 2**61).events, EVENTS)
        assert (recording.sensor, recording.camera) == (SENSOR, "TEST_1")
    assert os.listdir(tmp_path) == ["a.h5"]


@pytest.mark.parametrize("rows", [64, 1 << 16])
def test_the_index_is_that_of_dsec(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(h5_writer, "ROWS", rows)
    with h5py.File(write(tmp_path / "a.h5", EVENTS, 50)) as file:
        t, index = file["events/t"][:], file["ms_to_idx"][:].astype(int)
        assert file["t_offset"][()] == EVENTS["t"][0]
        assert len(index) == t[-1] // 1000 + 2
    np.testing.assert_array_equal(index, np.searchsorted(t, np.arange(len(index)) * 1000))


def test_after_a_jump_of_the_clock_the_index_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "ROWS_AT_ONCE", 3)
    t = np.array([0, 1500, 2500, 10**14, 10**14 + 5000])
    events = pack_events(t + UNIX_US, t * 0, t * 0, t * 0)
    path = write(tmp_path / "a.h5", events, 2)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["ms_to_idx"][:], [0, 1, 2, 3])
    with open_recording(path) as recording:
        late = recording.events_between(UNIX_US + 10**14, UNIX_US + 10**14 + 10_000)
        assert len(late) == 2


def test_frames_are_kept_beside_the_events(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frames = [
        Frame(UNIX_US + k, 5 * k, random.integers(0, 256, (4, 6, 3), np.uint8), k, 2)
        for k in range(3)
    ]
    with Hdf5Writer(tmp_path / "a.h5", SENSOR, kinds=("events", "frames")) as writer:
        writer.write(packet_of(EVENTS))
        for frame in frames:
            writer.write_frame(frame)
        writer.write_frame(Frame(UNIX_US + 9, 0, np.zeros((2, 2), np.uint8)))
        assert writer.num_dropped_frames == 1
    with open_recording(tmp_path / "a.h5") as recording:
        found = list(recording.frames())
        assert [stream.kind for stream in recording.streams] == ["events", "frames"]
    assert len(found) == 3
    for one, other in zip(found, frames, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert (one.t_us, one.exposure_us, one.left, one.top) == (
            other.t_us,
            other.exposure_us,
            other.left,
            other.top,
        )


@pytest.mark.parametrize("number", [0, 1])
def test_few_events_are_a_file(number: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", EVENTS[:number], 1)
    with open_recording(path) as recording:
        assert_same(recording.events_between(0, 2**61).events, EVENTS[:number])


def test_an_existing_file_is_kept_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="exists: choose another name"):
        write(path, EVENTS)
    assert path.read_text() == "precious"
    write(path, EVENTS, overwrite=True)
    with open_recording(path) as recording:
        assert recording.end_us > recording.start_us


def test_an_error_amid_writing_leaves_nothing(tmp_path: Path) -> None:
    def write_half() -> None:
        with Hdf5Writer(tmp_path / "a.h5", SENSOR) as writer:
            writer.write(packet_of(EVENTS))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert not os.listdir(tmp_path)


def test_events_that_do_not_belong_are_refused(tmp_path: Path) -> None:
    with Hdf5Writer(tmp_path / "a.h5", SENSOR) as writer:
        writer.write(packet_of(EVENTS[100:]))
        with pytest.raises(ValueError, match="time runs backwards"):
            writer.write(packet_of(EVENTS[:50]))
        with pytest.raises(ValueError, match="of a 64x48 sensor, got events of 8x8"):
            writer.write(EventPacket(EVENTS[:0], SensorSize(8, 8), 0, 1))


@pytest.mark.parametrize("options", [{"compression": "lz4"}, {"kinds": ("events", "imu")}])
def test_what_the_layout_has_not_is_refused(options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must be one of blosc|may be events, frames"):
        Hdf5Writer(tmp_path / "a.h5", SENSOR, **options)


def test_a_full_disk_stops_the_writing_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(free_space.shutil.disk_usage(tmp_path))(100, 99, 1)
    monkeypatch.setattr(h5_writer, "ROWS", 64)
    monkeypatch.setattr(h5_writer, "_FLUSH_ROWS", 256)

    def write_on_a_full_disk() -> None:
        with Hdf5Writer(tmp_path / "a.h5", SENSOR) as writer:
            monkeypatch.setattr(free_space.shutil, "disk_usage", lambda path: usage)
            writer.write(packet_of(EVENTS))

    with pytest.raises(OSError, match=r"is full .*: free some space; [\d,]+ events were written"):
        write_on_a_full_disk()
    assert not os.listdir(tmp_path)


def test_what_a_kill_leaves_opens_up_to_the_last_flush(tmp_path: Path) -> None:
    program = f"""
import sys, time
sys.path[:0] = {sys.path!r}
from pathlib import Path
from recording_files import SENSOR, packet_of, random_events
from events.recordings import h5_writer
h5_writer.ROWS, h5_writer._FLUSH_ROWS = 64, 1000
with h5_writer.Hdf5Writer(Path({str(tmp_path)!r}) / "a.h5", SENSOR) as writer:
    writer.write(packet_of(random_events(5000)))
    print("written", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert os.listdir(tmp_path) == ["a.h5.part"]
    with open_recording(tmp_path / "a.h5.part") as recording:
        found = recording.events_between(0, 2**61).events
        assert recording.sensor == SENSOR
    assert len(found) > 0
    assert_same(found, EVENTS[: len(found)])
