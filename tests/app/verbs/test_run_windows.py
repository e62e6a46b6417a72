"""`saccade run` with windows of a number of events, and with filters."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from scripted_source import random_packets

from app.cli import main
from events.filters import BackgroundActivityConfig, HotPixelsConfig
from events.packet import EventPacket, SensorSize, join, pack_events
from events.recordings.aedat4_writer import Aedat4Writer

SENSOR = SensorSize(64, 48)
START_US, NUM_EVENTS = 10**15, 33 * 300

WritePackets = Callable[[str, list[EventPacket]], Path]


def write(path: Path, packets: list[EventPacket]) -> Path:
    with Aedat4Writer(path, SENSOR, "made") as writer:
        for packet in packets:
            writer.write(packet)
    return path


def packets_of() -> list[EventPacket]:
    return random_packets(33, start_us=START_US, sensor=SENSOR, num_events=300)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("recording") / "random.aedat4", packets_of())


Rows = list[dict[str, Any]]
RunRows = Callable[..., Rows]


@pytest.fixture
def rows(tiny_engine: Path, tmp_path: Path) -> RunRows:
    """A function that runs over a file and returns what was written."""

    def run(file: Path, *options: object) -> Rows:
        out = tmp_path / "out.jsonl"
        given = ["run", file, "-o", out, "--engine", tiny_engine, "--provider", "cpu"]
        assert main([str(part) for part in (*given, "--overwrite", *options)]) == 0
        return [json.loads(line) for line in out.read_text().splitlines()]

    return run


def without_latency(found: Rows) -> Rows:
    return [{**row, "latency_ms": None} for row in found]


def test_windows_have_as_many_events_as_asked_for_and_their_span(
    rows: RunRows, recording: Path
) -> None:
    found = rows(recording, "--window-events", 1_000, "--stride-events", 400)
    t = join(packets_of()).t
    assert [row["num_events"] for row in found] == [1_000] * 23 + [700]
    assert [row["partial"] for row in found] == [False] * 23 + [True]
    for number, row in enumerate(found):
        first, last = 400 * number, min(400 * number + 1_000, NUM_EVENTS) - 1
        assert (row["start_us"], row["end_us"]) == (t[first], t[last] + 1)


def test_without_a_stride_windows_follow_one_another(rows: RunRows, recording: Path) -> None:
    found = rows(recording, "--window-events", 2_000)
    assert [row["num_events"] for row in found] == [2_000] * 4 + [1_900]
    assert all(before["end_us"] <= after["start_us"] + 1 for before, after in pairwise(found))


def test_predictions_are_the_same_at_every_speed_filtered_or_not(
    rows: RunRows, recording: Path
) -> None:
    options = ("--window-events", 700, "--filter", "background", "--filter")
    hot = "hot_pixels:learn_us=30000,ratio=1.1,min_rate_hz=0"
    expected = without_latency(rows(recording, *options, hot))
    assert expected != without_latency(rows(recording, "--window-events", 700))
    for speed in ("0.9", "2"):  # packets of other lengths
        assert without_latency(rows(recording, *options, hot, "--speed", speed)) == expected


def test_the_film_s_frames_stand_where_the_windows_begin(
    rows: RunRows, recording: Path, tmp_path: Path
) -> None:
    film = tmp_path / "out.mp4"
    found = rows(recording, "--window-events", 600, "--video", film)
    with av.open(str(film)) as container:
        times_us = [round(frame.time * 1e6) for frame in container.decode(video=0)]
    starts_us = [row["start_us"] - found[0]["start_us"] for row in found]
    assert np.abs(np.subtract(times_us, starts_us)).max() <= 5


@pytest.mark.parametrize(("num", "expected"), [(0, []), (1, [1]), (7, [3, 3, 1])])
def test_few_events_at_one_time_are_windows_of_one_microsecond(
    rows: RunRows, tmp_path: Path, num: int, expected: list[int]
) -> None:
    place = np.arange(num)
    events = pack_events(np.full(num, START_US + 5), place, place, place % 2)
    file = write(tmp_path / "few.aedat4", [EventPacket(events, SENSOR, START_US, START_US + 10)])
    found = rows(file, "--window-events", 3)
    assert [row["num_events"] for row in found] == expected
    assert all(row["start_us"] == START_US + 5 for row in found)
    assert all(row["end_us"] == START_US + 6 for row in found)


def test_the_user_is_told_what_the_engine_was_trained_on(
    rows: RunRows, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows(recording, "--max-windows", 1)
    assert "trained" not in capsys.readouterr().err
    rows(recording, "--max-windows", 1, "--window-events", 2_000)
    note = capsys.readouterr().err.splitlines()[0]
    assert note.startswith("tiny was trained on windows of 50 ms: those of 2,000 events")


def test_the_summary_says_how_many_events_were_filtered(
    rows: RunRows, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows(recording)
    assert "filtered" not in capsys.readouterr().err
    step = BackgroundActivityConfig(duration_us=500).build()
    kept = [step.apply(packet) for packet in packets_of()]
    found = rows(recording, "--filter", "background:duration_us=500", "--window-events", 100)
    assert f"; {step.num_removed:,} events filtered; " in capsys.readouterr().err
    assert 0 < step.num_removed < NUM_EVENTS
    assert sum(row["num_events"] for row in found) == sum(len(packet) for packet in kept)


def test_hot_pixels_are_filtered_by_the_values_that_were_given(
    rows: RunRows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def with_hot_pixel(packet: EventPacket) -> EventPacket:
        hot_us = np.arange(packet.start_us, packet.end_us, 100)
        events = np.concatenate(
            [packet.events, pack_events(hot_us, hot_us * 0 + 9, hot_us * 0 + 7, hot_us * 0)],
            dtype=packet.events.dtype,
        )
        events = events[np.argsort(events["t"], kind="stable")]
        return EventPacket(events, SENSOR, packet.start_us, packet.end_us)

    packets = [with_hot_pixel(packet) for packet in packets_of()]
    file = write(tmp_path / "hot.aedat4", packets)
    step = HotPixelsConfig(learn_us=100_000).build()
    for packet in packets:
        step.apply(packet)
    rows(file, "--filter", "hot_pixels:learn_us=100000")
    assert f"; {step.num_removed:,} events filtered; " in capsys.readouterr().err
    assert 2_000 < step.num_removed < 2_500
    rows(file, "--filter", "hot_pixels")  # it has not learnt in a third of a second
    assert "; 0 events filtered; " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--window-events 0", "--window-events must be at least 1, got 0"),
        ("--window-events 10000001", "--window-events must be at most 10,000,000, got 10,000,001"),
        ("--window-events 5 --stride-events 0", "--stride-events must be at least 1, got 0"),
        ("--stride-events 5", "give --window-events too"),
        ("--window-events 5 --window-us 5", "--window-events and --window-us exclude one another"),
        ("--window-events 5 --stride-us 5", "--window-events and --stride-us exclude one another"),
        ("--filter salt", "there is no filter 'salt': choose from background, refractory, hot_"),
        ("--filter refractory:period_us=0", "period_us must lie between 1 and 10,000,000, got 0"),
    ],
)
def test_what_cannot_be_is_one_clear_line_before_anything_is_made(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, message: str
) -> None:
    given = ["run", str(recording), "-o", str(tmp_path / "out.jsonl"), *options.split()]
    assert main(given) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert message in errors[0]
    assert list(tmp_path.iterdir()) == []
