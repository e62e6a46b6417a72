from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from lost_engine import LostEngine
from scripted_source import ScriptedSource, random_packets

from app.cli import main
from app.engines import load_engine
from events.packet import SensorSize, join
from events.recordings.aedat4_writer import Aedat4Writer
from events.sources.source import SourceStatus

SENSOR = SensorSize(64, 48)
NUM_WINDOWS = 15
"""Of 50 ms every 20 ms in 330 ms, the last one partial."""
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "random.aedat4"
    packets = random_packets(33, start_us=10**15, sensor=SENSOR, num_events=300)
    with Aedat4Writer(path, SENSOR, "random") as writer:
        for packet in packets:
            writer.write(packet)
    return path


Saccade = Callable[..., int]


@pytest.fixture
def saccade_run(recording: Path, tiny_engine: Path) -> Saccade:
    def run(*arguments: object) -> int:
        given = ["run", recording, "--engine", tiny_engine, "--provider", "cpu", *arguments]
        return main([str(argument) for argument in given])

    return run


def rows_of(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def without_latency(path: Path) -> list[str]:
    return [json.dumps({**row, "latency_ms": None}) for row in rows_of(path)]


def test_one_row_for_each_window_says_what_the_issue_asks(
    saccade_run: Saccade, tmp_path: Path, recording: Path
) -> None:
    assert saccade_run("-o", tmp_path / "out.jsonl") == 0
    rows = rows_of(tmp_path / "out.jsonl")
    assert list(rows[0]) == [
        "index", "start_us", "end_us", "num_events", "partial",
        "recognition", "segmentation", "depth_m", "latency_ms",
    ]  # fmt: skip
    assert [row["index"] for row in rows] == list(range(len(rows)))
    assert [row["partial"] for row in rows] == [False] * (len(rows) - 1) + [True]
    assert all(row["end_us"] - row["start_us"] == 50_000 for row in rows)
    starts = [row["start_us"] for row in rows]
    assert np.diff(starts).tolist() == [20_000] * (len(rows) - 1)
    events = join(random_packets(33, start_us=10**15, sensor=SENSOR, num_events=300))
    assert [row["num_events"] for row in rows] == [
        len(events.between(row["start_us"], row["end_us"])) for row in rows
    ]
    for row in rows:
        scores = [entry["score"] for entry in row["recognition"]]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) == 5
        assert sum(row["segmentation"].values()) == pytest.approx(1, abs=1e-5)
        assert 0.5 <= row["depth_m"]["min"] <= row["depth_m"]["median"] <= row["depth_m"]["max"]
        assert list(row["latency_ms"]) == ["represent", "infer", "decode", "total"]


def test_predictions_are_the_same_on_every_run_and_at_every_speed(
    saccade_run: Saccade, tmp_path: Path
) -> None:
    for name, speed in (("a", "max"), ("b", "max"), ("c", "2"), ("d", "0.9")):
        assert saccade_run("-o", tmp_path / name, "--speed", speed) == 0
    expected = without_latency(tmp_path / "a")
    assert all(without_latency(tmp_path / name) == expected for name in "bcd")


def test_window_stride_and_number_can_be_chosen(saccade_run: Saccade, tmp_path: Path) -> None:
    options = ("--window-us", 30_000, "--stride-us", 10_000, "--max-windows", 4)
    assert saccade_run("-o", tmp_path / "out.jsonl", *options) == 0
    rows = rows_of(tmp_path / "out.jsonl")
    assert len(rows) == 4
    assert rows[1]["start_us"] - rows[0]["start_us"] == 10_000
    assert rows[0]["end_us"] - rows[0]["start_us"] == 30_000


def test_a_dash_writes_to_standard_output(
    saccade_run: Saccade, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert saccade_run("-o", "-", "--max-windows", 2) == 0
    captured = capfdbinary.readouterr()
    assert len([json.loads(line) for line in captured.out.splitlines()]) == 2
    assert captured.err.startswith(b"2 windows in")


def test_the_video_has_every_window_and_lasts_as_long_as_the_events(
    saccade_run: Saccade, tmp_path: Path
) -> None:
    assert saccade_run("-o", tmp_path / "out.jsonl", "--video", tmp_path / "out.mp4") == 0
    num_windows = len(rows_of(tmp_path / "out.jsonl"))
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = list(container.decode(video=0))
        duration_s = float(container.streams.video[0].duration * frames[0].time_base)
    assert len(frames) == num_windows
    assert duration_s == pytest.approx(num_windows * 0.02, abs=0.001)
    assert frames[0].width % 2 == frames[0].height % 2 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "out.mp4"]


def test_arrays_hold_the_full_outputs(saccade_run: Saccade, tmp_path: Path) -> None:
    arrays = tmp_path / "arrays"
    assert saccade_run("-o", tmp_path / "o", "--arrays", arrays, "--max-windows", 2) == 0
    with np.load(arrays / "window_000001.npz") as window:
        assert window["class_ids"].shape == window["depth_m"].shape == (48, 64)
        assert window["scores"].shape == (7,)
    assert (arrays / "segmentation_labels.txt").read_text().split() == [
        "background",
        "ground",
        "box",
    ]


def test_arrays_that_are_overwritten_are_of_the_new_run_alone(
    saccade_run: Saccade, tmp_path: Path
) -> None:
    arrays = tmp_path / "arrays"
    arrays.mkdir()
    stale = ("window_000007.npz", "window_1234567.npz", "segmentation_labels.txt")
    for name in (*stale, "window_notes.npz", "labels.txt"):
        (arrays / name).write_text("of another run\n")
    assert saccade_run("-o", tmp_path / "o", "--arrays", arrays, "--max-windows", 1) == 1
    assert len(list(arrays.iterdir())) == 5
    options = ("--max-windows", 2, "--overwrite")
    assert saccade_run("-o", tmp_path / "o", "--arrays", arrays, *options) == 0
    assert sorted(path.name for path in arrays.iterdir()) == [
        "labels.txt", "recognition_labels.txt", "segmentation_labels.txt", "window_000000.npz",
        "window_000001.npz", "window_notes.npz",
    ]  # fmt: skip
    labels = (arrays / "segmentation_labels.txt").read_text().split()
    assert labels == ["background", "ground", "box"]


def test_what_exists_is_kept_unless_told(
    saccade_run: Saccade, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    assert saccade_run("-o", out, "--max-windows", 1) == 1
    assert out.read_text() == "mine"
    assert f"{out} exists: choose another name or give --overwrite" in capsys.readouterr().err
    assert saccade_run("-o", out, "--max-windows", 1, "--overwrite") == 0
    assert len(rows_of(out)) == 1


@pytest.mark.parametrize("option", ["-o", "--video", "--trace"])
@pytest.mark.parametrize("link", [Path.rename, Path.hardlink_to, Path.symlink_to])
def test_writing_over_the_input_is_refused_by_whatever_name(
    recording: Path,
    tiny_engine: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    option: str,
    link: Callable[[Path, Path], object],
) -> None:
    suffix = {"--video": ".mp4", "--trace": ".json"}.get(option, ".jsonl")
    given, other = tmp_path / f"in{suffix}", tmp_path / f"other{suffix}"
    given.write_bytes(recording.read_bytes())
    if link is Path.rename:
        other = given
    else:
        link(other, given)
    before = given.read_bytes()
    outputs = [] if option == "-o" else ["-o", str(tmp_path / "out.jsonl")]
    arguments = ["run", str(given), *outputs, option, str(other), "--engine", str(tiny_engine)]
    assert main([*arguments, "--overwrite"]) == 1
    assert given.read_bytes() == before
    assert "is the input: choose another name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.aedat4", "-o", "{out}"], "missing.aedat4"),
        (["synthetic", "-o", "{out}", "--engine", "gone.onnx"], "no engine file gone.onnx"),
        (["synthetic", "-o", "{out}", "--engine", "a.txt"], "a.txt is not an engine"),
        (["synthetic", "-o", "no/such/folder/x"], "no folder no/such/folder"),
        (["synthetic", "-o", "{out}", "--video", "x.avi"], "must be named *.mp4, got x.avi"),
        (["synthetic", "-o", "{out}", "--window-us", "0"], "--window-us must be at least 1, got 0"),
        (["gopher://x", "-o", "{out}"], "gopher://x"),
    ],
)
def test_bad_input_is_one_clear_line_and_leaves_nothing(
    arguments: list[str],
    message: str,
    tiny_engine: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [argument.format(out=tmp_path / "out.jsonl") for argument in arguments]
    if "--engine" not in given:
        given += ["--engine", str(tiny_engine)]
    assert main(["run", *given, "--provider", "cpu"]) == 1
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1
    assert message in errors[0]
    assert list(tmp_path.iterdir()) == []


def test_a_speed_that_is_none_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "synthetic", "-o", str(tmp_path / "x"), "--speed", "-1"])
    assert caught.value.code == 2


def test_a_run_imports_neither_torch_nor_qt(
    recording: Path, tiny_engine: Path, tmp_path: Path
) -> None:
    script = (
        "import sys; from app.cli import main; code = main(sys.argv[1:]); "
        "assert not {'torch', 'PySide6', 'onnx'} & set(sys.modules); sys.exit(code)"
    )
    arguments = ["run", recording, "-o", tmp_path / "o", "--engine", tiny_engine]
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_trace_covers_every_window_up_to_its_writing(
    recording: Path, tiny_engine: Path, tmp_path: Path
) -> None:
    out, trace = tmp_path / "out.jsonl", tmp_path / "trace.json"
    arguments = ["run", recording, "-o", out, "--engine", tiny_engine, "--trace", trace]
    assert main([str(argument) for argument in arguments]) == 0
    spans = [r for r in json.loads(trace.read_text())["traceEvents"] if r["ph"] == "X"]
    for stage in ("represent", "infer", "decode", "render"):
        windows = [r["args"]["window"] for r in spans if r["name"] == stage]
        assert windows == list(range(len(rows_of(out))))


def test_a_guessed_sensor_stands_in_the_summary_and_a_given_one_does_not(
    tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"0.{i:03} {i % 50} {i % 40} 1\n" for i in range(100)))
    arguments = ["run", str(path), "-o", "-", "--engine", str(tiny_engine), "--provider", "cpu"]
    assert main(arguments) == 0
    assert "128x128 is guessed from its events" in capsys.readouterr().err
    assert main([*arguments, "--sensor", "60x45"]) == 0
    assert "guessed" not in capsys.readouterr().err


class NotingEngine(LostEngine):
    """Comes to note something at its first run, and loses its device later."""

    @property
    def notes(self) -> tuple[str, ...]:
        has_run = self.num_runs_left < 3
        return ("known before", *(["3 events dropped"] if has_run else []))


def test_what_went_wrong_meanwhile_stands_by_the_summary(
    saccade_run: Saccade,
    tiny_engine: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = NotingEngine(load_engine(tiny_engine, "cpu"), num_runs=3)
    monkeypatch.setattr("app.engines.load_engine", lambda *_, **__: engine)
    assert saccade_run("-o", tmp_path / "out.jsonl") == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "known before"
    assert said[-2] == "3 events dropped"
    assert "GPU lost, gone on with the CPU: 1" in said[-1]
    assert "unread" not in said[-1]
    assert len(said) == len(set(said)) == 4  # and the banner


class UnreadSource(ScriptedSource):
    """A live one that is stopped while events wait."""

    @property
    def status(self) -> SourceStatus:
        return replace(super().status, backlog_events=1_234)


def test_events_that_were_never_read_are_counted(
    saccade_run: Saccade,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = UnreadSource(random_packets(20), is_live=True, ends=False)
    monkeypatch.setattr("app.verbs.run.open_source", lambda *_, **__: source)
    assert saccade_run("-o", tmp_path / "out.jsonl", "--max-windows", 1) == 0
    assert "1234 events unread" in capsys.readouterr().err
