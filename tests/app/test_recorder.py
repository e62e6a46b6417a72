from __future__ import annotations

import threading
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from app.recorder import FileRecorder, default_path
from events.packet import EventPacket, SensorSize, pack_events
from events.recordings.open import open_recording

SENSOR = SensorSize(64, 48)


def packet(start_us: int, end_us: int, num: int = 10, num_lost: int = 0) -> EventPacket:
    t = np.linspace(start_us, end_us - 1, num).astype(np.int64)
    return EventPacket(pack_events(t, t % 64, t % 48, t % 2), SENSOR, start_us, end_us, num_lost)


def times_in(path: Path) -> list[int]:
    with open_recording(path) as recording:
        return np.concatenate([p.t for p in recording.packets()]).tolist()


def test_what_is_written_is_read_back_and_counted(tmp_path) -> None:
    packets = [packet(0, 1000), packet(1000, 1000, 0), packet(1000, 3000, num_lost=4)]
    with FileRecorder(tmp_path / "a.aedat4", SENSOR, "CAM") as recorder:
        for each in packets:
            recorder.write(each)
    assert times_in(tmp_path / "a.aedat4") == [t for each in packets for t in each.t.tolist()]
    assert (recorder.num_events, recorder.num_lost, recorder.duration_us) == (20, 4, 3000)
    assert recorder.num_bytes == (tmp_path / "a.aedat4").stat().st_size


def test_a_stream_that_jumps_back_goes_on_in_another_file(tmp_path) -> None:
    with FileRecorder(tmp_path / "a.aedat4", SENSOR, "CAM") as recorder:
        for start_us in (5000, 6000, 100, 9000, 50):
            recorder.write(packet(start_us, start_us + 1000))
    assert [path.name for path in recorder.paths] == ["a.aedat4", "a-2.aedat4", "a-3.aedat4"]
    lengths = []
    for path in recorder.paths:
        times = times_in(path)
        lengths.append(len(times))
        assert all(a <= b for a, b in pairwise(times))
    assert lengths == [20, 20, 10]


def test_a_clock_that_ran_ahead_of_delayed_events_stays_in_one_file(tmp_path) -> None:
    with FileRecorder(tmp_path / "a.aedat4", SENSOR, "CAM") as recorder:
        for each in (packet(0, 1000), packet(1000, 900_000, 0), packet(5000, 9000)):
            recorder.write(each)
    assert len(recorder.paths) == 1
    assert len(times_in(tmp_path / "a.aedat4")) == 20
    assert recorder.duration_us == 900_000


def test_an_existing_file_is_kept_unless_told_otherwise(tmp_path) -> None:
    path = tmp_path / "a.aedat4"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="exists"):
        FileRecorder(path, SENSOR, "CAM")
    assert path.read_text() == "precious"
    with FileRecorder(path, SENSOR, "CAM", overwrite=True) as recorder:
        recorder.write(packet(0, 10))
    assert len(times_in(path)) == 10


def test_closing_while_another_thread_writes_leaves_a_readable_file(tmp_path) -> None:
    recorder = FileRecorder(tmp_path / "a.aedat4", SENSOR, "CAM")
    is_over = threading.Event()

    def write() -> None:
        start_us = 0
        while not is_over.is_set():
            recorder.write(packet(start_us, start_us + 1000, 100))
            start_us += 1000

    thread = threading.Thread(target=write)
    thread.start()
    while recorder.num_events < 10_000:
        is_over.wait(0.001)
    recorder.close()
    num_events = recorder.num_events
    is_over.set()
    thread.join()
    recorder.close()
    assert len(times_in(tmp_path / "a.aedat4")) == num_events == recorder.num_events


@pytest.mark.parametrize(
    ("camera", "start"),
    [
        ("DVXplorer_DXA00093", "DVXplorer_DXA00093_"),
        ("tcp://127.0.0.1:7777", "127.0.0.1_7777_"),
        ("walk.aedat4", "walk_"),
        ("synthetic:1", "synthetic_1_"),
        ("/", "recording_"),
    ],
)
def test_the_default_name_tells_the_camera_and_the_time(tmp_path, camera, start) -> None:
    path = default_path(camera, tmp_path)
    assert path.parent == tmp_path
    assert path.name.startswith(start)
    stamp = path.name.removeprefix(start).removesuffix(".aedat4")
    assert datetime.strptime(stamp, "%Y-%m-%dT%H-%M-%S")
