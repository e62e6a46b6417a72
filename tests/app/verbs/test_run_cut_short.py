"""`saccade run` that is ended before its stream: whole rows, and no video that passes for whole."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from scripted_source import SENSOR, random_packets
from stand_in_camera import StandInCamera
from wrapped_engine import WrappedEngine

from app.cli import main
from app.engines import load_engine
from events.recordings.aedat4_writer import Aedat4Writer
from export.backends.backend import Engine

REPOSITORY = Path(__file__).resolve().parents[3]
StartCamera = Callable[..., StandInCamera]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "random.aedat4"
    with Aedat4Writer(path, SENSOR, "random") as writer:
        for packet in random_packets(33, start_us=10**15):
            writer.write(packet)
    return path


def num_rows(path: Path) -> int:
    text = path.read_text()
    assert text.endswith("\n")
    return len([json.loads(line) for line in text.splitlines()])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_whole_rows_and_a_video_that_says_it_is_a_part(
    recording: Path, tiny_engine: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out, video = tmp_path / "out.jsonl", tmp_path / "out.mp4"
    code, errors = interrupted_run(
        recording, "-o", out, "--video", video, "--engine", tiny_engine, "--speed", "0.02",
        waits_for=out, number=number,
    )  # fmt: skip
    assert code == 130
    assert num_rows(out)
    assert "Traceback" not in errors
    partial = tmp_path / "out.partial.mp4"
    assert f"{video} was cut short: what there is of it is {partial}\n" in errors
    assert "windows in" in errors
    assert sorted(tmp_path.iterdir()) == [out, partial]
    assert num_frames(partial) == num_rows(out)


@pytest.mark.parametrize("kind", ["live", "looping"])
def test_ctrl_c_is_how_a_stream_without_end_is_filmed(
    kind: str, stand_in_camera: StartCamera, tiny_engine: Path, tmp_path: Path
) -> None:
    text = stand_in_camera("unix", rate=100_000).address if kind == "live" else "synthetic:1"
    out, video = tmp_path / "out.jsonl", tmp_path / "out.mp4"
    code, errors = interrupted_run(
        text, "-o", out, "--video", video, "--engine", tiny_engine, waits_for=out
    )
    assert code == 130
    assert "Traceback" not in errors
    assert "cut short" not in errors
    assert num_frames(video) == num_rows(out)


def interrupted_run(
    *arguments: object, waits_for: Path, number: signal.Signals = signal.SIGINT
) -> tuple[int, str]:
    """Run until the file has a line, then end it; return the exit code and what was said."""
    command = [sys.executable, "-m", "app.cli", "run", *map(str, arguments), "--provider", "cpu"]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while not (waits_for.exists() and waits_for.stat().st_size):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.005)
        process.send_signal(number)
        errors = process.stderr.read()
        return process.wait(30), errors


def num_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return len(list(container.decode(video=0)))


@pytest.mark.parametrize("num_runs", [0, 9])
def test_a_failure_of_the_engine_is_said_and_leaves_no_whole_video(
    recording: Path,
    tiny_engine: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    num_runs: int,
) -> None:
    engine = FailingEngine(load_engine(tiny_engine, "cpu"), num_runs)
    monkeypatch.setattr("app.engines.load_engine", lambda *_, **__: engine)
    out, video = tmp_path / "out.jsonl", tmp_path / "out.mp4"
    assert main(["run", str(recording), "-o", str(out), "--video", str(video)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "saccade: weights are not finite"
    assert "Traceback" not in "".join(said)
    partial = tmp_path / "out.partial.mp4"
    assert sorted(tmp_path.iterdir()) == ([out, partial] if num_runs else [])
    if num_runs:
        assert 0 < num_frames(partial) == num_rows(out) <= num_runs


class FailingEngine(WrappedEngine):
    """Fails after some windows."""

    def __init__(self, engine: Engine, num_runs: int) -> None:
        super().__init__(engine)
        self._num_runs_left = num_runs

    def before_run(self) -> None:
        self._num_runs_left -= 1
        if self._num_runs_left < 0:
            raise RuntimeError("weights are not finite")
