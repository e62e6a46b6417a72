"""Text: how the order of columns and the unit of time are told, and what of it is skipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recording_files import assert_same

from events.packet import EventArray, SensorSize, pack_events
from events.recordings import text_lines
from events.recordings.open import open_recording
from events.recordings.recording import RecordingError

T = 5_000_000 + np.arange(6) * 1000
EVENTS = pack_events(T, [1, 60, 3, 4, 5, 6], [40, 2, 3, 4, 5, 6], [0, 1, 0, 1, 1, 0])


def read(path: Path, text: str) -> EventArray:
    path.write_text(text)
    with open_recording(path) as recording:
        return recording.events_between(0, 2**61).events


def lines(form: str) -> str:
    """Write EVENTS by a format string of t, x, y, p and s, the time in seconds."""
    rows = EVENTS.tolist()
    return "".join(form.format(t=t, x=x, y=y, p=p, s=t / 1e6) + "\n" for t, x, y, p in rows)


@pytest.mark.parametrize(
    "text",
    [
        lines("{s:.6f} {x} {y} {p}"),
        lines("{t} {x} {y} {p}"),
        lines("{x} {y} {t} {p}"),
        lines("{x} {y} {p} {t}"),
        lines("{x};{y};{p};{s:.6f}"),
        lines("{t}\t{x}\t{y}\t{p}"),
        lines("{s:.6e} {x} {y} {p}"),
        "# a comment\n% another\n" + lines("{t},{x},{y},{p}"),
        "polarity,timestamp_ns,y,x\n" + lines("{p},{t}000,{y},{x}"),
        "polarity,t[ms],y,x\n" + lines("{p},{t}e-3,{y},{x}"),
        "# x y p t\n" + lines("{x} {y} {p} {t}"),
        "n,t,x,y,p\n" + lines("9,{t},{x},{y},{p}"),
        lines("{t},{x},{y},{p}").replace("\n", "\r\n"),
        lines("{t} {x} {y} {p}").rstrip("\n"),
    ],
)
def test_columns_and_units_are_told_by_names_or_numbers(text: str, tmp_path: Path) -> None:
    assert_same(read(tmp_path / "events.txt", text), EVENTS)


def test_one_time_with_a_point_tells_seconds_though_the_first_is_whole(tmp_path: Path) -> None:
    text = "".join(f"{t:g} 60 40 1\n" for t in (0, 0.0015, 2, 2.25))
    found = read(tmp_path / "events.txt", text)
    assert found["t"].tolist() == [0, 1_500, 2_000_000, 2_250_000]


def test_polarities_of_minus_one_are_darker(tmp_path: Path) -> None:
    text = lines("{t} {x} {y} {p}").replace(" 0\n", " -1\n")
    assert_same(read(tmp_path / "events.txt", text), EVENTS)


def test_unix_seconds_keep_their_microseconds(tmp_path: Path) -> None:
    t = 1_600_000_000_123_456 + np.arange(1000)
    text = "".join(f"{us // 10**6}.{us % 10**6:06d} 1 2 1\n" for us in t.tolist())
    np.testing.assert_array_equal(read(tmp_path / "events.txt", text)["t"], t)


def test_lines_that_are_no_events_are_skipped_and_their_bytes_counted(tmp_path: Path) -> None:
    path = tmp_path / "events.txt"
    good = lines("{t} {x} {y} {p}")
    path.write_text(good.replace("\n", "\nnot an event\n\n7 7\n", 1) + "5006000 1")
    with open_recording(path) as recording:
        assert_same(recording.events_between(0, 2**61).events, EVENTS)
        assert recording.damage.skipped_bytes == len("not an event") + len("7 7") + len("5006000 1")


def test_the_compiled_parser_and_the_plain_one_agree_to_the_last_bit() -> None:
    random = np.random.default_rng(0)
    numbers = random.integers(-(10**12), 10**12, (400, 4)) // 10 ** random.integers(0, 13, (400, 4))
    places = random.integers(1, 8, (400, 4))
    rows = [
        " ,;\t"[k % 4].join(f"{n}" if k % 3 else f"{n}.{p}0{p}" for n, p in zip(*row, strict=True))
        for k, row in enumerate(zip(numbers.tolist(), places.tolist(), strict=True))
    ]
    text = "\n".join(rows).encode()
    found = text_lines._compiled(text, 4)
    plain, num_skipped = text_lines._one_by_one(text.translate(text_lines._TO_SPACES), 4)
    assert found is not None
    assert num_skipped == 0
    np.testing.assert_array_equal(found, plain)


@pytest.mark.parametrize(
    "text", [b"1 2 3\n", b"1 2 3 4 5\n", b"1 2 3 4e2\n", b"1 2 3 -\n", b"1.2.3 4 5 6\n", b"1 2 3 x"]
)
def test_the_compiled_parser_leaves_irregular_lines_to_the_plain_one(text: bytes) -> None:
    assert text_lines._compiled(b"1 2 3 4\n" + text, 4) is None


@pytest.mark.parametrize("block", [7, 23, 64, 1000])
def test_no_line_is_lost_or_doubled_between_blocks(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_lines, "BLOCK_BYTES", block)
    text = "# head\n" + lines("{t} {x} {y} {p}")
    assert_same(read(tmp_path / "events.txt", text), EVENTS)


def test_a_first_line_of_two_numbers_is_the_sensor(tmp_path: Path) -> None:
    path = tmp_path / "events.txt"
    path.write_text("346 260\n" + lines("{s:.6f} {x} {y} {p}"))
    with open_recording(path, SensorSize(640, 480)) as recording:
        assert recording.sensor == SensorSize(346, 260)


@pytest.mark.parametrize(
    "text",
    ["hello\n", "1 2 3\n4 5 6\n", '{"version": 1}\n', "5 900 -3 7\n4 -1 2 9\n3 1 1 5\n"],
)
def test_other_text_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(RecordingError, match=r"notes\.txt") as error:
        open_recording(path)
    assert "\n" not in str(error.value)


def test_the_real_recording_is_the_one_that_was_derived_from_it(data_folder: Path) -> None:
    text = data_folder / "other_formats" / "ecd_slider_depth_events_chunk.txt"
    derived = data_folder / "recordings" / "derived" / "slider_depth_240x180.aedat4"
    with open_recording(text) as ours, open_recording(derived) as other:
        assert ours.sensor == other.sensor
        events = ours.events_between(ours.start_us, ours.end_us).events
        expected = other.events_between(other.start_us, other.end_us).events.copy()
        expected["t"] += ours.start_us - other.start_us
        assert_same(events, expected)
