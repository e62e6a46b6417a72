"""Outputs that cannot be written, or only in part: one line, and nothing that looks whole."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.cli import main
from app.predictions import ArrayWriter, LineWriter
from app.scene import Scene, StageLatency
from app.video import VideoWriter
from events.packet import EventPacket, SensorSize, pack_events
from events.recordings.aedat4_writer import Aedat4Writer
from events.recordings.open import open_recording

SENSOR = SensorSize(64, 48)


def packet(start_us: int, num: int) -> EventPacket:
    t = start_us + np.arange(num) * 10
    return EventPacket(pack_events(t, t % 64, t % 48, t % 2), SENSOR, start_us, start_us + num * 10)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "in.aedat4"
    with Aedat4Writer(path, SENSOR, "TEST_1", compression="none") as writer:
        writer.write(packet(10**15, 30_000))
    return path


@contextlib.contextmanager
def small_disk(num_bytes: int = 2_000) -> Iterator[None]:
    """Files of this process may have ``num_bytes``: writing more fails as on a full disk.

    Around the one call that writes: pytest's own output may be a file, too.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error instead of the end
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def scene(index: int) -> Scene:
    return Scene(
        index=index,
        packet=packet(10**15, 100),
        is_partial=False,
        prediction=None,
        latency=StageLatency(),
        age_ms=0.0,
        engine_name="",
        provider="",
    )


def test_a_full_disk_leaves_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    scenes = (scene(index) for index in range(1000))
    with small_disk(), LineWriter(path) as writer, pytest.raises(OSError, match=r"out\.jsonl"):
        any(writer.write(each) for each in scenes)
    rows = path.read_text()
    assert rows.endswith("\n")
    assert [json.loads(row)["index"] for row in rows.splitlines()] == list(range(rows.count("\n")))


def test_a_full_disk_leaves_no_part_of_a_window(tmp_path: Path) -> None:
    writer = ArrayWriter(tmp_path / "arrays")
    with small_disk(100), pytest.raises(OSError, match=r"window_000007\.npz"):
        writer.write(scene(7))
    assert list((tmp_path / "arrays").iterdir()) == []


def test_a_full_disk_leaves_no_part_of_a_film(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pictures = (random.integers(0, 255, (200, 300, 3), np.uint8) for _ in range(500))

    def film() -> None:
        with VideoWriter(tmp_path / "out.mp4", 20_000, pytest.fail) as writer:
            for number, picture in enumerate(pictures):
                writer.write(picture, number * 20_000)

    with small_disk(20_000), pytest.raises(OSError, match=r"/out\.mp4"):
        film()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_no_half_of_a_conversion(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.aedat4"
    with small_disk():
        code = main(["convert", str(recording), str(out), "--compression", "none"])
    assert code == 1
    error = capsys.readouterr().err
    assert error.startswith(f"saccade: {out} was not written: ")
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.aedat4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "{in}", "-o", "{a}.mp4", "--video", "{a}.mp4"], "two outputs have one name"),
        (["run", "{in}", "-o", "{a}", "--arrays", "{a}"], "two outputs have one name"),
        (["demo", "-o", "{a}/no/x.mp4"], "make it first"),
        (["demo", "-o", "{folder}"], "is a folder"),
        (["convert", "{in}", "{a}/no/x.aedat4"], "make it first"),
        (["convert", "{in}", "{folder}.aedat4", "--overwrite"], "is a folder"),
        (["record", "{in}", "-o", "{folder}.aedat4", "--overwrite"], "is a folder"),
        (["record", "{in}", "-o", "{in}", "--overwrite"], "is the input itself"),
        (["convert", "{in}", "{in}", "--overwrite"], "is the input itself"),
        (["run", "{in}", "-o", "{in}", "--overwrite"], "is the input"),
        (["run", "{in}", "-o", "{e}", "--engine", "{e}", "--overwrite"], "is the engine"),
        (["export", "{a}.safetensors", "-o", "{folder}.onnx", "--overwrite"], "is a folder"),
        (["eval", "{a}.safetensors", "synthetic", "--max-windows", "0"], "at least 1, got 0"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_work_begins(
    recording: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    (tmp_path / "folder.mp4.aedat4").mkdir()
    (tmp_path / "folder.mp4.onnx").mkdir()
    engine = tmp_path / "engine.onnx"
    engine.write_bytes(b"weights")
    before = {path: path.read_bytes() for path in (recording, engine)}
    places = {"in": recording, "a": tmp_path / "a", "folder": folder, "e": engine}
    assert main([argument.format(**places) for argument in arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert all(path.read_bytes() == whole for path, whole in before.items())


def test_a_damaged_recording_is_recorded_with_a_word_about_its_damage(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = recording.read_bytes()
    recording.write_bytes(whole[: len(whole) * 2 // 3])
    out = tmp_path / "out.aedat4"
    assert main(["record", str(recording), "-o", str(out)]) == 0
    assert "damaged recording" in capsys.readouterr().err
    with open_recording(out) as made:
        assert made.damage.is_clean


@pytest.mark.parametrize("name", ["picture.jpg", "{in}"])
def test_a_picture_that_is_no_png_is_refused_and_the_file_kept(
    recording: Path, tmp_path: Path, name: str
) -> None:
    before = recording.read_bytes()
    target = name.replace("{in}", str(recording))
    with pytest.raises(SystemExit) as caught:
        main(["gui", str(recording), "--screenshot", target])
    assert caught.value.code == 2
    assert recording.read_bytes() == before


@pytest.mark.parametrize("seconds", ["nan", "-1", "inf", "soon"])
def test_a_wait_that_is_none_is_bad_usage(seconds: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["gui", "--after-s", seconds])
    assert caught.value.code == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_video_that_may_not_be_written_is_named(
    recording: Path, tiny_engine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    video = folder / "x.mp4"
    options = ("-o", str(tmp_path / "o"), "--video", str(video), "--engine", str(tiny_engine))
    assert main(["run", str(recording), *options]) == 1
    assert f"{video}: Permission denied" in capsys.readouterr().err
