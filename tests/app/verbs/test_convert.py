"""`saccade convert` keeps every stream, repairs what is damaged, and never destroys a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app import cli
from events.packet import EventPacket, SensorSize, pack_events
from events.recordings.aedat4_writer import Aedat4Writer
from events.recordings.open import open_recording
from events.recordings.recording import IMU_DTYPE, TRIGGER_DTYPE, Frame

SENSOR = SensorSize(40, 30)
T = 10**15 + np.arange(30_000) * 7


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    events = pack_events(T, T % 40, T % 30, T % 2)
    path = tmp_path / "in.aedat4"
    kinds = ("events", "frames", "imu", "triggers")
    with Aedat4Writer(path, SENSOR, "DVX_7", kinds=kinds) as writer:
        writer.write(EventPacket(events, SENSOR, int(T[0]), int(T[-1]) + 1))
        writer.write_frame(Frame(int(T[5]), 20, np.full((30, 40), 9, np.uint8)))
        samples = np.zeros(4, IMU_DTYPE)
        samples["t"] = T[:4]
        writer.write_imu(samples)
        writer.write_triggers(np.array([(T[2], 1)], TRIGGER_DTYPE))
    return path


def test_the_output_has_the_size_that_the_input_does_not_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("".join(f"0.{i:03} {i} 7 1\n" for i in range(30)))
    out = tmp_path / "out.aedat4"
    arguments = ["convert", str(tmp_path / "a.txt"), str(out)]
    assert cli.main([*arguments, "--sensor", "40x30"]) == 0
    with open_recording(out) as made:
        assert made.sensor == SENSOR
    assert capsys.readouterr().err == ""
    assert cli.main([*arguments, "--overwrite"]) == 0
    assert "128x128 is guessed from its events" in capsys.readouterr().err


@pytest.mark.parametrize("compression", ["none", "lz4", "lz4_high", "zstd", "zstd_high"])
def test_every_stream_is_the_same_after_conversion(
    recording: Path, tmp_path: Path, compression: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.aedat4"
    assert cli.main(["convert", str(recording), str(out), "--compression", compression]) == 0
    assert "30,000 events" in capsys.readouterr().out
    with open_recording(out) as read:
        assert read.format == f"AEDAT4 {compression.upper()}"
        assert read.camera == "DVX_7"
        np.testing.assert_array_equal(read.events_between(0, 2**60).t, T)
        assert [frame.pixels[0, 0] for frame in read.frames()] == [9]
        assert [len(samples) for samples in read.imu()] == [4]
        assert [int(signals["t"][0]) for signals in read.triggers()] == [T[2]]


def test_hdf5_keeps_events_and_frames_and_says_what_it_leaves_out(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.h5"
    assert cli.main(["convert", str(recording), str(out)]) == 0
    shown = capsys.readouterr()
    assert "30,000 events" in shown.out
    assert "left out, since .h5 cannot hold it: 4 imu, 1 triggers" in shown.err
    with open_recording(out) as read:
        np.testing.assert_array_equal(read.events_between(0, 2**60).t, T)
        assert (read.sensor, read.camera) == (SENSOR, "DVX_7")
        assert [frame.pixels[0, 0] for frame in read.frames()] == [9]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.aedat4", "out.h5"]


@pytest.mark.parametrize("suffix", [".aedat4", ".h5"])
def test_another_format_becomes_either(suffix: str, tmp_path: Path) -> None:
    source, out = tmp_path / "in.txt", tmp_path / f"out{suffix}"
    source.write_text("".join(f"{t} {t % 40} {t % 30} {t % 2}\n" for t in T.tolist()))
    assert cli.main(["convert", str(source), str(out)]) == 0
    with open_recording(out) as read:
        packet = read.events_between(0, 2**60)
        assert packet.t.tolist() == T.tolist()
        assert packet.x.tolist() == (T % 40).tolist()
        assert read.damage.is_clean


def test_a_compression_of_the_other_format_is_refused(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.h5"
    assert cli.main(["convert", str(recording), str(out), "--compression", "lz4"]) == 1
    assert "not compressed by lz4: give one of blosc, gzip, none" in capsys.readouterr().err
    assert not out.exists()


def test_a_cut_recording_becomes_a_whole_one(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = recording.read_bytes()
    recording.write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out.aedat4"
    assert cli.main(["convert", str(recording), str(out)]) == 0
    assert "is damaged" in capsys.readouterr().err
    with open_recording(out) as read:
        assert read.damage.is_clean
        assert len(read.events_between(0, 2**60)) >= 10_000


@pytest.mark.parametrize("is_link", [False, True])
def test_the_input_is_never_the_output(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], is_link: bool
) -> None:
    before, out = recording.read_bytes(), recording
    if is_link:
        out = tmp_path / "link.aedat4"
        out.symlink_to(recording)
    assert cli.main(["convert", str(recording), str(out), "--overwrite"]) == 1
    assert "is the input itself" in capsys.readouterr().err
    assert recording.read_bytes() == before


def test_an_existing_output_is_kept_unless_told(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.aedat4"
    out.write_text("precious")
    assert cli.main(["convert", str(recording), str(out)]) == 1
    assert "exists" in capsys.readouterr().err
    assert out.read_text() == "precious"
    assert cli.main(["convert", str(recording), str(out), "--overwrite"]) == 0


def test_other_suffixes_and_bad_inputs_give_one_line(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for source, out, message in (
        (recording, tmp_path / "out.raw", "must end in .aedat4 or .h5"),
        (tmp_path / "none", tmp_path / "out.aedat4", "does not exist"),
        (recording, tmp_path / "no" / "out.aedat4", "make it first"),
    ):
        assert cli.main(["convert", str(source), str(out)]) == 1
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
        assert not out.exists()
