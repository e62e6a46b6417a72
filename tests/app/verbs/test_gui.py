from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scripted_source import random_packets

from app.cli import main
from app.verbs.gui import opener
from events.packet import SensorSize
from events.recordings.aedat4_writer import Aedat4Writer


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gui") / "noise.aedat4"
    with Aedat4Writer(path, SensorSize(48, 32), "TEST_1") as writer:
        for packet in random_packets(100, start_us=10**15):
            writer.write(packet)
    return path


def environment(tmp_path: Path, **changes: str) -> dict[str, str]:
    values = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    values.pop("DISPLAY", None)
    return {**values, **changes}


def saccade(tmp_path: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        env=environment(tmp_path, **changes),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_a_screenshot_shows_the_window_and_exits_0(tmp_path, recording, tiny_engine):
    path = tmp_path / "shot.png"
    done = saccade(
        tmp_path, "gui", str(recording), "--engine", str(tiny_engine), "--provider", "cpu",
        "--size", "1280x800", "--screenshot", str(path), "--after-s", "4",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pixels = np.asarray(Image.open(path).convert("RGB"))
    assert pixels.shape == (800, 1280, 3)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100


def test_without_a_display_one_line_says_what_to_do(tmp_path):
    done = saccade(tmp_path, "gui", QT_QPA_PLATFORM="", WAYLAND_DISPLAY="")
    assert done.returncode == 1
    assert done.stderr.startswith("saccade: no display: set DISPLAY")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("size", ["big", "100x100", "1280"])
def test_a_wrong_size_is_bad_usage(size, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["gui", "--size", size])
    assert stopped.value.code == 2
    assert size in capsys.readouterr().err


def test_a_sensor_s_size_is_of_the_recording_that_the_command_line_names(tmp_path, capsys):
    for name in ("named.txt", "other.txt"):
        (tmp_path / name).write_text("".join(f"0.{i:03} {i % 50} 7 1\n" for i in range(100)))
    open_ = opener(str(tmp_path / "named.txt"), SensorSize(60, 45), in_child=False)
    with open_(str(tmp_path / "named.txt")) as named, open_(str(tmp_path / "other.txt")) as other:
        assert named.sensor == SensorSize(60, 45)
        assert other.sensor == SensorSize(128, 128)
    assert main(["gui", "--sensor", "60x45"]) == 1
    assert "name one" in capsys.readouterr().err
