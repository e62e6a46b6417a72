"""Writing AEDAT4: dv-processing reads it alike; a kill or a full disk leaves it readable."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from recording_files import (
    COMPRESSIONS,
    SENSOR,
    UNIX_US,
    all_events,
    assert_same,
    packet_of,
    random_events,
    read_all,
    without_index,
    write_events,
)

from events.packet import EventArray, SensorSize, empty_packet, pack_events
from events.recordings import aedat4_writer, free_space
from events.recordings.aedat4_writer import Aedat4Writer
from events.recordings.open import open_recording
from events.recordings.recording import IMU_DTYPE, TRIGGER_DTYPE, Frame

# dv-processing stays in child processes: it can spin for ever with the GIL held.
_DV_READS = """
import sys, dv_processing as dv, numpy as np
for path in sys.argv[1:]:
    reader, parts, frames, imu, triggers = dv.io.MonoCameraRecording(path), [], [], [], []
    while (batch := reader.getNextEventBatch()) is not None:
        parts.append(batch.numpy())
    if reader.isFrameStreamAvailable():
        while (frame := reader.getNextFrame()) is not None:
            exposure_us = int(frame.exposure.total_seconds() * 1e6)
            frames.append((frame.timestamp, exposure_us, int(frame.image.astype(int).sum())))
        while (batch := reader.getNextImuBatch()) is not None:
            for s in batch:
                values = s.accelerometerX, s.gyroscopeY, s.magnetometerZ
                imu.append((s.timestamp, s.temperature, *values))
        while (batch := reader.getNextTriggerBatch()) is not None:
            triggers += [(s.timestamp, int(s.type.value)) for s in batch]
    parts = parts or [dv.EventStore().numpy()]
    t, x, y, p = (
        np.concatenate([part[name] for part in parts])
        for name in ("timestamp", "x", "y", "polarity")
    )
    size, camera = reader.getEventResolution(), reader.getCameraName()
    np.savez(
        path + ".npz", t=t, x=x, y=y, p=p, frames=frames, imu=imu, triggers=triggers, size=size,
        camera=camera
    )
"""
_DV_WRITES = """
import sys, dv_processing as dv, numpy as np
events = np.load(sys.argv[1])
for name in sys.argv[2:]:
    path = sys.argv[1].replace("events.npy", name + ".aedat4")
    config = dv.io.MonoCameraWriter.Config("TEST_1", getattr(dv.CompressionType, name.upper()))
    config.addEventStream((64, 48))
    writer = dv.io.MonoCameraWriter(path, config)
    store = dv.EventStore()
    for t, x, y, p in events.tolist():
        store.push_back(t, x, y, bool(p))
    writer.writeEvents(store)
    del writer
"""
_WRITES_FOR_EVER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from recording_files import SENSOR, packet_of, random_events
from events.recordings.aedat4_writer import Aedat4Writer
with Aedat4Writer(Path(sys.argv[1]), SENSOR) as writer:
    for i in range(10**9):
        events = random_events(2_000, seed=i, start_us=10**15 + i * 10_000, span_us=10_000)
        writer.write(packet_of(events))
        print(writer.num_events, flush=True)
"""


def in_child(script: str, *arguments: object) -> None:
    subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=True, timeout=60)


def write_in_parts(writer: Aedat4Writer, events: EventArray) -> None:
    with writer:
        for start in range(0, len(events), 1_000):
            writer.write(packet_of(events[start : start + 1_000].copy()))


def dv_events(path: Path) -> np.ndarray:
    read = np.load(f"{path}.npz")
    return pack_events(read["t"], read["x"], read["y"], read["p"])


def test_dv_processing_reads_what_we_wrote(tmp_path: Path) -> None:
    events = random_events(25_000)
    paths = [
        write_events(tmp_path / f"{name}.aedat4", events, name, 10_000) for name in COMPRESSIONS
    ]
    killed = write_events(tmp_path / "killed.aedat4", events)
    in_child(_DV_READS, *paths, without_index(killed))
    for path in [*paths, killed]:
        assert_same(dv_events(path), events)
        read = np.load(f"{path}.npz")
        assert tuple(read["size"]) == (SENSOR.width, SENSOR.height)
        assert str(read["camera"]) == "TEST_1"


def test_dv_processing_reads_our_frames_samples_and_triggers(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    samples = np.zeros(3, IMU_DTYPE)
    samples["t"], samples["temperature_c"] = UNIX_US + np.arange(3), 20
    samples["acceleration_g"], samples["rotation_deg_per_s"] = (1, 2, 3), (4, 5, 6)
    samples["magnetic_field_ut"] = (7, 8, 9)
    path = tmp_path / "a.aedat4"
    with Aedat4Writer(path, SENSOR, kinds=("events", "frames", "imu", "triggers")) as writer:
        writer.write_frame(Frame(UNIX_US, 1500, image))
        writer.write_imu(samples)
        writer.write_triggers(np.array([(UNIX_US, 2)], TRIGGER_DTYPE))
    in_child(_DV_READS, path)
    read = np.load(f"{path}.npz")
    assert read["frames"].tolist() == [[UNIX_US, 1500, int(image.astype(int).sum())]]
    assert read["imu"].tolist() == [[UNIX_US + i, 20, 1, 5, 9] for i in range(3)]
    assert read["triggers"].tolist() == [[UNIX_US, 2]]


def test_we_read_what_dv_processing_wrote(tmp_path: Path) -> None:
    events = random_events(12_000)
    np.save(tmp_path / "events.npy", events)
    in_child(_DV_WRITES, tmp_path / "events.npy", *COMPRESSIONS)
    for name in COMPRESSIONS:
        assert_same(read_all(tmp_path / f"{name}.aedat4"), events)
        with open_recording(tmp_path / f"{name}.aedat4") as recording:
            assert recording.damage.is_clean
            assert recording.format == f"AEDAT4 {name.upper()}"


def test_every_recording_of_the_data_folder_reads_as_dv_processing_reads_it(
    data_folder: Path, tmp_path: Path
) -> None:
    paths = sorted((data_folder / "recordings").rglob("*.aedat4"))
    assert paths
    copies = [Path(shutil.copy(path, tmp_path / f"{i}.aedat4")) for i, path in enumerate(paths)]
    in_child(_DV_READS, *copies)
    for copy in copies:
        with open_recording(copy) as recording:
            assert_same(all_events(list(recording.packets())), dv_events(copy))
            read = np.load(f"{copy}.npz")
            frames = [(f.t_us, int(f.pixels.astype(int).sum())) for f in recording.frames()]
            assert frames == [(t_us, total) for t_us, _, total in read["frames"].tolist()]
            assert recording.damage.is_clean


def test_a_killed_writer_leaves_a_file_that_both_read(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat4"
    command = [sys.executable, "-c", _WRITES_FOR_EVER, str(path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        num_written = 0
        while num_written < 50_000:
            num_written = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    events = read_all(path)
    assert len(events) >= 50_000
    with open_recording(path) as recording:
        assert recording.damage.index == "missing (the file was not closed)"
        assert recording.damage.damaged_packets == 0
    in_child(_DV_READS, path)
    ours = dv_events(path)
    assert_same(ours, events[: len(ours)])
    assert len(ours) >= len(events) - aedat4_writer.PACKET_EVENTS


def test_an_existing_file_is_not_overwritten_unless_told(tmp_path: Path) -> None:
    path = write_events(tmp_path / "a.aedat4", random_events(10))
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"a\.aedat4 exists"), Aedat4Writer(path, SENSOR):
        pass
    assert path.read_bytes() == before
    with Aedat4Writer(path, SENSOR, overwrite=True):
        pass
    assert len(read_all(path)) == 0


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit of file sizes here")
def test_a_disk_that_fills_up_gives_one_error_and_keeps_what_was_written(tmp_path: Path) -> None:
    path, events = tmp_path / "a.aedat4", random_events(50_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        writer = Aedat4Writer(path, SENSOR, compression="none")
        with pytest.raises(OSError, match="were written before") as caught:
            write_in_parts(writer, events)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(caught.value)
    read = read_all(path)
    assert 0 < len(read) == writer.num_events
    assert_same(read, events[: len(read)])


def test_a_disk_without_reserve_is_refused_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 1 << 20)
    monkeypatch.setattr(free_space.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match="1 MiB free"), Aedat4Writer(tmp_path / "a.aedat4", SENSOR):
        pass
    assert not (tmp_path / "a.aedat4").exists()


def test_bad_arguments_are_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.aedat4"):
        Aedat4Writer(tmp_path / "a.raw", SENSOR)
    with pytest.raises(ValueError, match="compression must be one of none, lz4"):
        Aedat4Writer(tmp_path / "a.aedat4", SENSOR, compression="gzip")
    with pytest.raises(ValueError, match="streams may be events"):
        Aedat4Writer(tmp_path / "a.aedat4", SENSOR, kinds=("poses",))
    with (
        pytest.raises(OSError, match="No such file"),
        Aedat4Writer(tmp_path / "no" / "a.aedat4", SENSOR),
    ):
        pass


def test_events_that_do_not_fit_the_file_are_refused(tmp_path: Path) -> None:
    with Aedat4Writer(tmp_path / "a.aedat4", SENSOR) as writer:
        writer.write(packet_of(random_events(10)))
        with pytest.raises(ValueError, match="runs backwards"):
            writer.write(packet_of(random_events(10, start_us=5)))
        with pytest.raises(ValueError, match="of a 64x48 sensor"):
            writer.write(empty_packet(SensorSize(10, 10), 0, 1))
        with pytest.raises(ValueError, match="declare it"):
            writer.write_frame(Frame(0, 0, np.zeros((4, 4), np.uint8)))
        with pytest.raises(ValueError, match="uint8"):
            writer.write_frame(Frame(0, 0, np.zeros((4, 4), np.float32)))
    assert len(read_all(tmp_path / "a.aedat4")) == 10


def test_events_reach_the_file_within_ten_milliseconds_of_the_stream(tmp_path: Path) -> None:
    path, events = tmp_path / "a.aedat4", random_events(200)
    with Aedat4Writer(path, SENSOR) as writer:
        for start in range(0, 200, 10):
            writer.write(packet_of(events[start : start + 10].copy()))
        read = read_all(path)
        missing = events[len(read) :]
        assert missing["t"][-1] - missing["t"][0] < aedat4_writer.PACKET_US
    assert os.path.getsize(path) == writer.num_bytes
    assert_same(read_all(path), events)
