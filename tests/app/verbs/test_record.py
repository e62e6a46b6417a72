from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scripted_source import ScriptedSource, random_packets

from app import cli
from app.verbs import record
from events.recordings.open import open_recording
from events.sources.camera import CameraSource
from events.sources.source import SourceError

SACCADE = [sys.executable, "-c", "import sys, app.cli; sys.exit(app.cli.main())"]
LIMITED = [
    sys.executable,
    "-c",
    "import resource, sys, app.cli\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
    "sys.exit(app.cli.main())",
]


def num_events(path: Path) -> int:
    with open_recording(path) as recording:
        return sum(len(packet) for packet in recording.packets())


def test_a_camera_is_recorded_for_the_time_asked_for(stand_in_camera, tmp_path, capsys) -> None:
    camera = stand_in_camera("unix", rate=200_000)
    path = tmp_path / "a.aedat4"
    assert cli.main(["record", camera.address, "-o", str(path), "--seconds", "0.4"]) == 0
    said = capsys.readouterr().out
    assert f"{path}: {num_events(path):,} events, 0.400 s" in said
    with open_recording(path) as recording:
        assert recording.camera == "STANDIN_00000001"
        assert recording.end_us - recording.start_us <= 400_000


def test_without_a_name_the_file_is_named_after_the_camera(
    stand_in_camera, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    camera = stand_in_camera()
    assert cli.main(["record", camera.address, "--seconds", "0.2"]) == 0
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("STANDIN_00000001_20")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_recording_is_closed_and_readable(stand_in_camera, tmp_path, signum) -> None:
    camera = stand_in_camera("unix")
    path = tmp_path / "a.aedat4"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*SACCADE, "record", camera.address, "-o", path], **pipes) as recording:
        _wait_for_bytes(recording, path, 20_000)
        recording.send_signal(signum)
        said, _ = recording.communicate(timeout=10)
    assert recording.returncode == 130
    assert f"{num_events(path):,} events".encode() in said


def test_a_camera_that_is_killed_and_comes_back_is_one_recording(stand_in_camera, tmp_path) -> None:
    camera = stand_in_camera("unix")
    path = tmp_path / "a.aedat4"
    with subprocess.Popen([*SACCADE, "record", camera.address, "-o", path]) as recording:
        _wait_for_bytes(recording, path, 20_000)
        camera.unplug()
        num_bytes = path.stat().st_size
        camera.start()
        _wait_for_bytes(recording, path, num_bytes + 40_000)
        recording.send_signal(signal.SIGINT)
    assert recording.returncode == 130
    with open_recording(path) as read:
        times = np.concatenate([packet.t for packet in read.packets()])
    assert np.diff(times).max() > 50_000


def test_a_camera_that_is_unplugged_leaves_a_file_and_word_of_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.aedat4"
    unplugged = ScriptedSource(random_packets(5), failure=SourceError("the camera was unplugged"))
    monkeypatch.setattr(record, "open_source", lambda *args, **options: unplugged)
    assert cli.main(["record", "camera", "-o", str(path)]) == 1
    said = capsys.readouterr()
    assert f"{path}: 2,500 events, 0.050 s" in said.out
    assert said.err == "saccade: the camera was unplugged\n"
    assert num_events(path) == 2_500


def _wait_for_bytes(recording: subprocess.Popen, path: Path, num_bytes: int) -> None:
    while not path.exists() or path.stat().st_size < num_bytes:
        assert recording.poll() is None
        time.sleep(0.01)


def test_a_full_disk_is_one_line_and_what_was_written_is_readable(
    stand_in_camera, tmp_path
) -> None:
    camera = stand_in_camera("unix", rate=500_000)
    path = tmp_path / "a.aedat4"
    command = [*LIMITED, "record", camera.address, "-o", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"saccade: writing {path} failed")
    assert "Traceback" not in done.stderr
    assert num_events(path) > 10_000


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["-o", "{exists}"], "exists: choose another name or give --overwrite"),
        (["-o", "{folder}/a.raw"], "a recording must be named *.aedat4"),
        (["-o", "{folder}/none/a.aedat4"], "none: make it first"),
    ],
)
def test_a_file_that_cannot_be_written_is_one_line(tmp_path, capsys, arguments, line) -> None:
    exists = tmp_path / "there.aedat4"
    exists.write_text("precious")
    arguments = [a.format(exists=exists, folder=tmp_path) for a in arguments]
    assert cli.main(["record", "synthetic:1", "--seconds", "0.1", *arguments]) == 1
    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1
    assert exists.read_text() == "precious"


def test_a_synthetic_scene_is_recorded_faster_than_it_happens_and_overwrites_when_told(
    tmp_path,
) -> None:
    path = tmp_path / "a.aedat4"
    path.write_text("old")
    arguments = ["record", "synthetic:1", "-o", str(path), "--seconds", "0.1"]
    assert cli.main([*arguments, "--overwrite", "--compression", "zstd"]) == 0
    assert num_events(path) > 0


def test_an_absent_server_leaves_no_file(tmp_path, capsys) -> None:
    arguments = ["record", f"unix:{tmp_path}/none", "-o", str(tmp_path / "a.aedat4")]
    assert cli.main(arguments) == 1
    assert "start it first" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seconds", ["0", "-1", "inf", "soon"])
def test_a_length_must_be_positive(seconds, capsys) -> None:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["record", "camera", f"--seconds={seconds}"])
    assert exit_info.value.code == 2
    assert "--seconds" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--capture-process", "--no-capture-process"])
def test_a_camera_that_is_not_there_is_told_from_either_process(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if CameraSource.discover():
        pytest.skip("this machine has a camera")
    assert cli.main(["record", "camera", option, "-o", str(tmp_path / "x.aedat4")]) == 1
    assert "saccade: no event camera found" in capsys.readouterr().err
