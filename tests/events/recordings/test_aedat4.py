"""Reading AEDAT4: what is in the file comes out, at every time and in every compression."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from recording_files import (
    COMPRESSIONS,
    SENSOR,
    UNIX_US,
    all_events,
    assert_same,
    events_payload,
    packet_of,
    random_events,
    raw_file,
    read_all,
    without_index,
    write_events,
)

from events.packet import pack_events
from events.recordings.aedat4_payloads import encode_frame
from events.recordings.aedat4_writer import Aedat4Writer
from events.recordings.open import open_recording
from events.recordings.recording import (
    IMU_DTYPE,
    MAX_QUIET_US,
    TRIGGER_DTYPE,
    Frame,
    Recording,
)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_events_come_out_as_they_went_in(tmp_path: Path, compression: str) -> None:
    events = random_events(5_000)
    path = write_events(tmp_path / "a.aedat4", events, compression)
    with open_recording(path) as recording:
        assert isinstance(recording, Recording)
        assert_same(all_events(list(recording.packets())), events)
        assert recording.damage.is_clean
        assert recording.sensor == SENSOR
        assert recording.camera == "TEST_1"
        assert (recording.start_us, recording.end_us) == (events["t"][0], events["t"][-1] + 1)


@pytest.mark.parametrize("has_index", [True, False])
def test_any_span_is_read_as_if_all_were_read_and_cut(tmp_path: Path, has_index: bool) -> None:
    events = random_events(3_000, seed=1)
    path = write_events(tmp_path / "a.aedat4", events, packet_events=100)
    if not has_index:
        without_index(path)
    random = np.random.default_rng(2)
    with open_recording(path) as recording:
        for _ in range(40):
            start_us, end_us = UNIX_US + np.sort(random.integers(-5_000, 205_000, 2))
            packet = recording.events_between(int(start_us), int(end_us))
            assert (packet.start_us, packet.end_us) == (start_us, end_us)
            inside = (events["t"] >= start_us) & (events["t"] < end_us)
            assert_same(packet.events, events[inside])


@pytest.mark.parametrize("duration_us", [1, 777, 10_000, 10**7])
def test_packets_touch_and_cover_the_recording(tmp_path: Path, duration_us: int) -> None:
    events = random_events(300, span_us=3_000 if duration_us == 1 else 200_000)
    path = write_events(tmp_path / "a.aedat4", events, packet_events=50)
    with open_recording(path) as recording:
        packets = list(recording.packets(duration_us=duration_us))
        assert packets[0].start_us == recording.start_us
        assert packets[-1].end_us == recording.end_us
    assert all(a.end_us == b.start_us for a, b in pairwise(packets))
    assert all(packet.duration_us == duration_us for packet in packets[:-1])
    assert_same(all_events(packets), events)


def test_a_quiet_stretch_yields_empty_packets(tmp_path: Path) -> None:
    t = UNIX_US + np.array([0, 100, 95_000])
    path = write_events(tmp_path / "a.aedat4", pack_events(t, [1, 2, 3], [1, 2, 3], [0, 1, 0]))
    with open_recording(path) as recording:
        assert [len(packet) for packet in recording.packets()] == [2, *[0] * 8, 1]


def test_events_before_a_silence_in_which_the_span_ends_are_yielded(tmp_path: Path) -> None:
    t = UNIX_US + np.array([0, 5, 3 * MAX_QUIET_US])
    path = write_events(tmp_path / "a.aedat4", pack_events(t, [1, 2, 3], [1, 2, 3], [1, 0, 1]))
    with open_recording(path) as recording:
        packets = list(recording.packets(end_us=UNIX_US + 2 * MAX_QUIET_US))
    assert [(len(each), each.start_us, each.end_us) for each in packets] == [
        (2, UNIX_US, UNIX_US + 10_000)
    ]


def test_a_silence_of_more_than_an_hour_is_a_jump(tmp_path: Path) -> None:
    t = UNIX_US + np.array([0, MAX_QUIET_US + 10_001, 2 * MAX_QUIET_US])
    path = write_events(tmp_path / "a.aedat4", pack_events(t, [1, 2, 3], [1, 2, 3], [0, 1, 0]))
    with open_recording(path) as recording:
        packets = list(recording.packets(duration_us=MAX_QUIET_US // 4))
    assert sum(map(len, packets)) == 3
    starts = [b.start_us for a, b in pairwise(packets) if a.end_us != b.start_us]
    assert starts in ([], [t[1]])


def test_one_event_is_a_recording_of_one_microsecond(tmp_path: Path) -> None:
    path = write_events(tmp_path / "a.aedat4", pack_events([UNIX_US], [3], [4], [1]))
    with open_recording(path) as recording:
        (packet,) = recording.packets()
        assert (packet.start_us, packet.end_us, len(packet)) == (UNIX_US, UNIX_US + 1, 1)


def test_a_recording_without_events_is_empty_and_not_an_error(tmp_path: Path) -> None:
    path = write_events(tmp_path / "a.aedat4", random_events(0))
    with open_recording(path) as recording:
        assert recording.start_us == recording.end_us == 0
        assert list(recording.packets()) == []
        assert recording.damage.is_clean


def test_equal_timestamps_stay_together(tmp_path: Path) -> None:
    events = random_events(2_000, span_us=1)
    path = write_events(tmp_path / "a.aedat4", events, packet_events=300)
    with open_recording(path) as recording:
        (packet,) = recording.packets()
    assert_same(packet.events, events)


def test_polarities_other_than_zero_and_one_become_one(tmp_path: Path) -> None:
    events = pack_events([5, 6, 7], [1, 2, 3], [1, 2, 3], [0, 255, 2])
    path = raw_file(tmp_path / "a.aedat4", [(0, events_payload(events))])
    assert read_all(path)["p"].tolist() == [0, 1, 1]


def test_padding_may_hold_anything(tmp_path: Path) -> None:
    events = random_events(1_000)
    dirty = events.copy()
    dirty.view(np.uint8).reshape(-1, 16)[:, 13:] = 0xAB
    path = raw_file(tmp_path / "a.aedat4", [(0, events_payload(dirty))])
    assert_same(read_all(path), events)


def test_frames_samples_and_triggers_come_out_as_they_went_in(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    images = [
        random.integers(0, 256, shape, np.uint8) for shape in ((48, 64), (9, 7, 3), (5, 6, 4))
    ]
    frames = [Frame(UNIX_US + 1000 * i, 500 * i, image, i, 2 * i) for i, image in enumerate(images)]
    samples = np.zeros(7, IMU_DTYPE)
    samples["t"] = UNIX_US + np.arange(7) * 100
    samples["acceleration_g"] = random.normal(size=(7, 3))
    samples["rotation_deg_per_s"] = random.normal(size=(7, 3))
    samples["temperature_c"] = 31.5
    signals = np.array([(UNIX_US + 5, 1), (UNIX_US + 2_000, 9)], TRIGGER_DTYPE)
    path = tmp_path / "a.aedat4"
    kinds = ("events", "frames", "imu", "triggers")
    with Aedat4Writer(path, SENSOR, kinds=kinds) as writer:
        for frame in frames:
            writer.write_frame(frame)
        writer.write_imu(samples)
        writer.write_triggers(signals)
    with open_recording(path) as recording:
        for read, frame in zip(recording.frames(), frames, strict=True):
            assert (read.t_us, read.exposure_us) == (frame.t_us, frame.exposure_us)
            assert (read.left, read.top) == (frame.left, frame.top)
            np.testing.assert_array_equal(read.pixels, frame.pixels)
        np.testing.assert_array_equal(np.concatenate(list(recording.imu())), samples)
        np.testing.assert_array_equal(np.concatenate(list(recording.triggers())), signals)
        assert [f.t_us for f in recording.frames(UNIX_US + 1, UNIX_US + 2_000)] == [UNIX_US + 1_000]
        assert sum(map(len, recording.imu(UNIX_US + 200, UNIX_US + 400))) == 2
        assert (recording.start_us, recording.end_us) == (UNIX_US, UNIX_US + 2_001)
        assert recording.damage.is_clean


def test_a_growing_file_shows_more_each_time(tmp_path: Path) -> None:
    events = random_events(4_000)
    path = tmp_path / "a.aedat4"
    writer = Aedat4Writer(path, SENSOR)
    with writer:
        writer.write(packet_of(events[:1000].copy()))
        writer._flush(is_last=True)
        with open_recording(path) as recording:
            assert_same(all_events(list(recording.packets())), events[:1000])
            end_us = recording.end_us
            writer.write(packet_of(events[1000:2500].copy()))
            writer._flush(is_last=True)
            with path.open("ab") as file:  # a packet that is being written
                file.write(b"\0\0\0\0\x10\x27\0\0half of it")
            assert_same(all_events(list(recording.packets())), events[:2500])
            assert recording.end_us > end_us
            writer.write(packet_of(events[2500:].copy()))
            writer.close()
            assert_same(all_events(list(recording.packets())), events)
            assert recording.damage.is_clean


def test_memory_holds_a_packet_and_not_the_file(tmp_path: Path) -> None:
    import tracemalloc

    events = random_events(10_000)
    path = tmp_path / "a.aedat4"
    with Aedat4Writer(path, SENSOR, compression="none") as writer:
        for i in range(60):
            later = events.copy()
            later["t"] += i * 200_000
            writer.write(packet_of(later))
    tracemalloc.start()
    with open_recording(path) as recording:
        assert sum(len(packet) for packet in recording.packets()) == 600_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 3


def test_frames_of_16_bits_keep_their_upper_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat4"
    wide = np.random.default_rng(0).integers(0, 1 << 16, (48, 32)).astype("<u2")
    frame = Frame(UNIX_US, 20, wide.view(np.uint8).reshape(48, 64))
    with Aedat4Writer(path, SENSOR, compression="none", kinds=("frames",)) as writer:
        writer.write_frame(frame)
    payload = encode_frame(frame)
    data = bytearray(path.read_bytes())
    start = data.find(payload)
    data[start + 88], data[start + 96] = 32, 2  # width, and OpenCV's CV_16UC1
    path.write_bytes(data)
    with open_recording(path) as recording:
        (read,) = recording.frames()
        np.testing.assert_array_equal(read.pixels, wide >> 8)
        assert read.pixels.dtype == np.uint8
        assert (read.t_us, read.exposure_us) == (UNIX_US, 20)
        assert recording.damage.is_clean
    data[start + 96] = 5  # CV_32F
    path.write_bytes(data)
    with open_recording(path) as recording:
        assert list(recording.frames()) == []
        assert recording.damage.damaged_packets == 1
