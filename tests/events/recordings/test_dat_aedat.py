"""DAT, AEDAT 2.0 and AEDAT 3.1: headers, chips, signals, and real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recording_files import all_events, assert_same, random_events, read_all
from word_files import AEDAT2, AEDAT3, FORMS, aedat3_body, aedat3_packet, dat_body, davis_body
from word_files import dvs128_body as dvs_body

from events.packet import SensorSize, pack_events
from events.recordings.open import open_recording
from events.recordings.recording import RecordingError

PLAIN_DAT = b"% Data file containing N9Chronocam7Event2dE events.\n% Version 2\n"


def test_dat_without_a_size_is_as_large_as_its_events(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(PLAIN_DAT + dat_body(pack_events([1, 2], [53, 3], [7, 60], [0, 1])))
    with open_recording(path) as recording:
        assert recording.sensor == SensorSize(54, 61)
        assert recording.format == "Prophesee DAT v2"
    with open_recording(path, SensorSize(120, 100)) as recording:
        assert recording.sensor == SensorSize(120, 100)


@pytest.mark.parametrize(
    ("header", "event_type", "says"),
    [
        (PLAIN_DAT.replace(b"2\n", b"7\n"), b"\x00\x08", "version 7"),
        (PLAIN_DAT, b"\x00\x10", "16 bytes an event"),
    ],
)
def test_dat_of_another_kind_is_refused_in_one_line(
    tmp_path: Path, header: bytes, event_type: bytes, says: str
) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(header + event_type + bytes(80))
    with pytest.raises(RecordingError, match=says) as caught:
        open_recording(path)
    assert "\n" not in str(caught.value)


def test_a_davis_is_told_from_its_addresses(tmp_path: Path) -> None:
    events = random_events(200, start_us=0)
    path = tmp_path / "a.aedat"
    path.write_bytes(AEDAT2 + davis_body(events))
    with open_recording(path) as recording:
        assert recording.sensor == SensorSize(240, 180)
        assert_same(all_events(list(recording.packets())), events)
    path.write_bytes(AEDAT2 + davis_body(events, 260, 346))
    with open_recording(path) as recording:
        assert recording.sensor == SensorSize(346, 260)
        assert_same(all_events(list(recording.packets())), events)


@pytest.mark.parametrize(
    ("chip", "size"),
    [
        ("eu.seebetter.ini.chips.sbret10.SBret10", (240, 180)),
        ("eu.seebetter.ini.chips.davis.Davis346blue", (346, 260)),
        ("eu.seebetter.ini.chips.davis.DavisRGBW640", (640, 480)),
    ],
)
def test_a_davis_is_known_by_its_chip(tmp_path: Path, chip: str, size: tuple[int, int]) -> None:
    path = tmp_path / "a.aedat"
    path.write_bytes(AEDAT2 + f"# AEChip: {chip}\r\n".encode())
    with open_recording(path) as recording:
        assert recording.sensor == SensorSize(*size)


def test_a_dvs128_is_assumed_of_16_bit_addresses(tmp_path: Path) -> None:
    events = random_events(200, start_us=0)
    path = tmp_path / "a.aedat"
    path.write_bytes(AEDAT2 + dvs_body(events))
    assert_same(read_all(path), events)


def test_a_chip_that_is_not_known_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat"
    path.write_bytes(AEDAT2 + b"# AEChip: ch.unizh.ini.jaer.chip.cochlea.CochleaAMS1c\r\n")
    with pytest.raises(RecordingError, match="chip CochleaAMS1c"):
        open_recording(path)


def test_the_header_of_newer_jaer_ends_where_it_says(tmp_path: Path) -> None:
    events = pack_events([0x0A0D4142], [100], [2], [1])
    path = tmp_path / "a.aedat"
    # This address begins with #, and the time ends its line.
    body = np.array([0x23414243, 0x4142430A], ">u4").tobytes()
    path.write_bytes(AEDAT2 + b"# AEChip: x.DAVIS240C\r\n#End Of ASCII Header\r\n" + body)
    assert len(read_all(path)) == len(events)


def test_frames_and_inertial_samples_of_a_davis_are_left_out(tmp_path: Path) -> None:
    events = random_events(10, start_us=0)
    others = np.array([[1 << 31 | 5, 300_000], [1 << 31 | 3 << 10, 300_001]], ">u4").tobytes()
    signal = np.array([[1 << 10, 300_002]], ">u4").tobytes()
    path = tmp_path / "a.aedat"
    path.write_bytes(FORMS["aedat2 davis"].header + davis_body(events) + others + signal)
    with open_recording(path) as recording:
        assert_same(all_events(list(recording.packets())), events)
        (signals,) = recording.triggers()
        assert signals.tolist() == [(300_002, 3)]
        assert [s.kind for s in recording.streams] == ["events", "triggers", "other samples"]
        assert recording.damage.is_clean


def test_special_events_of_aedat3_are_triggers(tmp_path: Path) -> None:
    events = random_events(10, start_us=0)
    rows = np.array([[2 << 1 | 1, 300_000], [3 << 1 | 1, 300_007]], "<u4").tobytes()
    path = tmp_path / "a.aedat"
    path.write_bytes(AEDAT3 + aedat3_body(events) + aedat3_packet(0, rows, 2))
    with open_recording(path) as recording:
        assert_same(all_events(list(recording.packets())), events)
        (signals,) = recording.triggers()
        assert signals.tolist() == [(300_000, 1), (300_007, 2)]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (b"#!AER-DAT3.0\r\n#Format: RAW\r\n", "AEDAT 3.0"),
        (b"#!AER-DAT3.1\r\n#Format: SerializedTS\r\n#!END-HEADER\r\n", "SerializedTS"),
    ],
)
def test_other_kinds_of_aedat3_are_refused_in_one_line(
    tmp_path: Path, header: bytes, says: str
) -> None:
    path = tmp_path / "a.aedat"
    path.write_bytes(header + bytes(80))
    with pytest.raises(RecordingError, match=says):
        open_recording(path)


@pytest.mark.parametrize(
    ("name", "number", "span_us", "size"),
    [
        ("other_formats/jaer_MovingDarkBox.aedat", 489_834, 39_810_047, (128, 128)),
        ("other_formats/dvs128_activities/neal_walking.aedat", 70_304, 9_243_605, (128, 128)),
        ("recognition/samples/mnist_0_scale04_0001.aedat", 15_744, 2_210_589, (128, 128)),
        ("recognition/samples/loris_NCARS_obj_004397_td.dat", 4_407, 99_938, (54, 61)),
        ("recognition/samples/tonic_sample_ncars.dat", 2_009, 99_953, (78, 42)),
    ],
)
def test_real_files_are_read_whole(
    data_folder: Path, name: str, number: int, span_us: int, size: tuple[int, int]
) -> None:
    with open_recording(data_folder / name) as recording:
        assert sum(map(len, recording.packets())) == number
        assert recording.end_us - recording.start_us == span_us
        assert recording.sensor == SensorSize(*size)
        assert recording.damage.is_clean


def test_a_real_dvs128_reads_as_the_aedat4_of_the_same_clip(data_folder: Path) -> None:
    folder = data_folder / "recognition" / "dvs128_objects_biolab" / "aedat"
    with open_recording(folder / "assets_video_celular.aedat") as recording:
        raw = recording.events_between(recording.start_us, recording.end_us)
        assert recording.camera == "DVS128-V1 0392"
    with open_recording(data_folder / "recordings/derived/phone_128x128.aedat4") as recording:
        same = recording.events_between(recording.start_us, recording.end_us)
    shifted = raw.events.copy()
    shifted["t"] += same.start_us - raw.start_us
    assert_same(shifted, same.events)
