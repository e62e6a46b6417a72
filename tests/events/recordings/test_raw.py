"""Prophesee RAW: headers, the order of halves, vectors, signals, a size that is inferred."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recording_files import all_events, assert_same, random_events, read_all
from word_files import evt2_body, evt3_body, evt21_body, raw_header

from events.packet import SensorSize, pack_events
from events.recordings.open import open_recording
from events.recordings.recording import RecordingError

OLD_HEADER = b"% Date 2020-09-25 07:48:31\n% integrator_name Prophesee\n% system_ID 21\n"


def test_the_header_says_camera_and_size(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(
        b"% camera_integrator_name Prophesee\n% evt 3.0\n% format EVT3;height=720;width=1280\n"
        b"% plugin_name hal_plugin_imx636_evk4\n% serial_number 00ca0009\n% end\n"
        + evt3_body(random_events(10, start_us=0))
    )
    with open_recording(path, SensorSize(64, 48)) as recording:  # the header knows better
        assert recording.sensor == SensorSize(1280, 720)
        assert recording.camera == "Prophesee_imx636_evk4_00ca0009"
        assert recording.format == "Prophesee RAW EVT3"


def test_a_header_from_before_encodings_had_names_is_evt2(tmp_path: Path) -> None:
    events = random_events(100, start_us=0)
    path = tmp_path / "a.raw"
    path.write_bytes(OLD_HEADER + evt2_body(events))
    assert_same(read_all(path), events)


def test_an_unknown_encoding_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(raw_header("4.0") + bytes(100))
    with pytest.raises(RecordingError, match="not a recording") as caught:
        open_recording(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("is_lower_first", [True, False])
def test_the_order_of_the_halves_is_told_from_the_words(
    tmp_path: Path, is_lower_first: bool
) -> None:
    events = random_events(100, start_us=9_000)
    path = tmp_path / "a.raw"
    path.write_bytes(raw_header("2.1") + evt21_body(events, is_lower_first))
    assert_same(read_all(path), events)


def test_a_word_of_evt21_holds_32_events() -> None:
    events = pack_events([64] * 32, range(32, 64), [7] * 32, [1] * 32)
    assert len(evt21_body(events)) == 16  # the time, and the events


def test_vectors_of_evt3_count_on_from_their_base(tmp_path: Path) -> None:
    words = [0x8001, 0x6005, 0x000A, 0x3800 | 20, 0x4801, 0x5081, 0x2003]
    path = tmp_path / "a.raw"
    path.write_bytes(raw_header("3.0") + np.array(words, "<u2").tobytes())
    t = (1 << 12) + 5
    assert read_all(path).tolist() == [
        (t, 20, 10, 1), (t, 31, 10, 1), (t, 32, 10, 1), (t, 39, 10, 1), (t, 3, 10, 0),
    ]  # fmt: skip


def test_a_time_high_that_is_sent_again_changes_nothing(tmp_path: Path) -> None:
    words = [0x8001, 0x6FFF, 0x0001, 0x2001, 0x8001, 0x2002, 0x8002, 0x2003, 0x6001, 0x2004]
    path = tmp_path / "a.raw"
    path.write_bytes(raw_header("3.0") + np.array(words, "<u2").tobytes())
    assert read_all(path)["t"].tolist() == [8191, 8191, 8192, 8193]


def test_signals_from_outside_are_triggers(tmp_path: Path) -> None:
    events = random_events(10, start_us=0, span_us=64)
    evt2 = [8 << 28, 10 << 28 | 7 << 22 | 1, 10 << 28 | 9 << 22]
    evt3 = [0x8000, 0x6007, 0xA001, 0x6009, 0xA000]
    path = tmp_path / "a.raw"
    for header, words, body in (
        (raw_header("2.0"), np.array(evt2, "<u4"), evt2_body(events)),
        (raw_header("3.0"), np.array(evt3, "<u2"), evt3_body(events)),
    ):
        path.write_bytes(header + body + words.tobytes())
        with open_recording(path) as recording:
            (signals,) = recording.triggers()
            assert signals.tolist() == [(7, 1), (9, 2)]
            assert [stream.kind for stream in recording.streams] == ["events", "triggers"]
            (late,) = recording.triggers(8, 10)
            assert late.tolist() == [(9, 2)]
            assert list(recording.triggers(10, None)) == []


@pytest.mark.parametrize(
    ("far", "size"), [((600, 400), (640, 480)), ((1279, 0), (1280, 720)), ((1500, 9), (1501, 10))]
)
def test_a_size_that_is_not_written_is_that_of_the_smallest_fitting_camera(
    tmp_path: Path, far: tuple[int, int], size: tuple[int, int]
) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(OLD_HEADER + evt2_body(pack_events([1, 2], [0, far[0]], [0, far[1]], [0, 1])))
    with open_recording(path) as recording:
        assert recording.sensor == SensorSize(*size)
    with open_recording(path, SensorSize(2000, 1000)) as recording:
        assert recording.sensor == SensorSize(2000, 1000)


def test_one_wrong_event_does_not_make_the_sensor_larger(tmp_path: Path) -> None:
    events = random_events(20_000, start_us=0)
    events["x"][777] = 2_000
    path = tmp_path / "a.raw"
    path.write_bytes(OLD_HEADER + evt2_body(events))
    with open_recording(path) as recording:
        assert recording.sensor == SensorSize(304, 240)
        assert len(all_events(list(recording.packets()))) == 19_999
        assert recording.damage.out_of_bounds_events == 1


def test_no_size_and_no_events_is_an_error_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(OLD_HEADER)
    with pytest.raises(RecordingError, match="holds no events and does not say"):
        open_recording(path)
    with open_recording(path, SensorSize(9, 9)) as recording:
        assert list(recording.packets()) == []


@pytest.mark.parametrize(
    ("name", "derived", "number", "span_us"),
    [
        ("faery_sparklers_evt2.raw", "sparklers_640x480", 521_252, 95_872),
        ("expelliarmus_evt3_sample.raw", "driving_1280x720", 219_596, 8_802),
    ],
)
def test_real_recordings_read_as_the_aedat4_of_the_same_clip(
    data_folder: Path, name: str, derived: str, number: int, span_us: int
) -> None:
    with open_recording(data_folder / "other_formats" / name) as recording:
        raw = recording.events_between(recording.start_us, recording.end_us)
        assert recording.damage.is_clean
        assert (len(raw), raw.duration_us) == (number, span_us)
    with open_recording(data_folder / "recordings" / "derived" / f"{derived}.aedat4") as recording:
        same = recording.events_between(recording.start_us, recording.end_us)
        assert recording.sensor == raw.sensor
    shifted = raw.events.copy()
    shifted["t"] += same.start_us - raw.start_us
    assert_same(shifted, same.events)
