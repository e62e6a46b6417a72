"""`saccade info` says what is in a file, or in one line what is wrong with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import pytest
from recording_files import without_index

from app import cli
from events.packet import EventPacket, SensorSize, pack_events
from events.recordings.aedat4_writer import Aedat4Writer

SENSOR = SensorSize(40, 30)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """2,000 events in the first 8 ms of two seconds, and one at the end."""
    t = 10**15 + np.append(np.arange(2_000) * 4, 2_000_000 - 1)
    events = pack_events(t, t % 40, t % 30, np.arange(2_001) % 2)
    path = tmp_path / "a.aedat4"
    with Aedat4Writer(path, SENSOR, "DVX_7", kinds=("events", "imu")) as writer:
        writer.write(EventPacket(events, SENSOR, int(t[0]), int(t[-1]) + 1))
    return path


def test_info_counts_what_is_in_the_file(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["info", str(recording), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["width"], said["height"], said["camera"]) == (40, 30, "DVX_7")
    assert (said["events"], said["on_events"], said["duration_s"]) == (2_001, 1_000, 2.0)
    assert said["mean_rate_per_s"] == pytest.approx(1_000.5)
    assert said["peak_rate_per_s"] == pytest.approx(200_000)
    assert [stream["kind"] for stream in said["streams"]] == ["events", "imu"]
    assert said["is_clean"] is True


def test_info_is_readable_by_people(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", str(recording)]) == 0
    said = capsys.readouterr().out
    for words in (
        "AEDAT4 LZ4",
        "40x30",
        "2,001 events, 0 inertial samples",
        "2 s from 2001-09-09",
        "DVX_7",
    ):
        assert words in said
    assert said.splitlines()[-1].split() == ["damage", "none"]


def test_a_damaged_file_is_described_and_the_exit_code_is_one(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = recording.read_bytes()
    recording.write_bytes(whole[: len(whole) * 3 // 4])
    assert cli.main(["info", str(recording)]) == 1
    said = capsys.readouterr()
    assert "index missing (the file is cut short)" in said.out
    assert said.err.count("\n") == 1
    assert "is damaged" in said.err


def test_what_a_killed_recording_leaves_is_described_in_whole_with_one_line(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["info", str(without_index(recording))]) == 1
    said = capsys.readouterr()
    assert "2,001 events" in said.out
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("tenth", range(10))
def test_a_file_cut_anywhere_gives_one_line_and_exit_code_one(
    recording: Path, capsys: pytest.CaptureFixture[str], tenth: int
) -> None:
    whole = recording.read_bytes()
    recording.write_bytes(whole[: len(whole) * tenth // 10])
    assert cli.main(["info", str(recording)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.aedat4", b"", "is empty"),
        ("zeros.aedat4", bytes(5_000), "nothing but zeros"),
        ("random.aedat4", b"\x93" + os.urandom(5_000), "not a recording"),
        ("notes.txt", b"hello\n" * 100, "not a recording"),
        ("head.aedat4", b"#!AER-DAT4.0\r\n", "cut short"),
        ("garbled.aedat4", b"#!AER-DAT4.0\r\n\x10\0\0\0" + bytes(100), "damaged in its header"),
        ("huge.aedat4", b"#!AER-DAT4.0\r\n" + b"\xff" * 100, "claims"),
    ],
)
def test_what_is_no_recording_gives_one_line_and_exit_code_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    _fails(tmp_path / name, message, capsys)


def test_missing_files_directories_and_pipes_give_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _fails(tmp_path / "none.aedat4", "does not exist", capsys)
    _fails(tmp_path, "is a directory", capsys)
    os.mkfifo(tmp_path / "pipe")
    _fails(tmp_path / "pipe", "a device or a pipe", capsys)


def test_a_file_without_permission_gives_one_line(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording.chmod(0)
    for folder in takewhile(lambda each: each != Path(gettempdir()), recording.parents):
        folder.chmod(0o755)
    is_root = os.geteuid() == 0
    if is_root:  # who may read everything
        os.seteuid(65534)
    try:
        _fails(recording, "check its permissions", capsys)
    finally:
        if is_root:
            os.seteuid(0)


def test_a_recording_of_another_name_is_read_all_the_same(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["info", str(recording.rename(recording.with_suffix(".bin")))]) == 0
    assert "2,001 events" in capsys.readouterr().out


def test_info_imports_no_heavy_library(recording: Path) -> None:
    script = (
        "import sys, app.cli\n"
        "assert app.cli.main(sys.argv[1:]) == 0\n"
        "heavy = {'torch', 'PySide6', 'numba', 'dv_processing', 'onnxruntime', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script, "info", str(recording)], check=True, timeout=30)


def test_a_guessed_size_is_said_in_one_line_and_sensor_replaces_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"0.{i:03} {i % 50} {i % 40} 1\n" for i in range(100)))
    assert cli.main(["info", str(path)]) == 0
    said = capsys.readouterr()
    assert "128x128" in said.out
    assert said.err.startswith(f"saccade: {path} does not say its sensor's size")
    assert said.err.count("\n") == 1
    assert cli.main(["info", str(path), "--sensor", "60x45", "--json"]) == 0
    said = capsys.readouterr()
    assert (json.loads(said.out)["width"], json.loads(said.out)["height"]) == (60, 45)
    assert said.err == ""


def test_a_size_that_the_file_contradicts_is_said_to_be_unused(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["info", str(recording), "--sensor", "60x45"]) == 0
    said = capsys.readouterr()
    assert "40x30" in said.out
    assert said.err.endswith("its sensor has 40x30 pixels: --sensor 60x45 is not used\n")


def _fails(path: Path, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", str(path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("saccade: ")
    assert said.err.count("\n") == 1
    assert message in said.err
