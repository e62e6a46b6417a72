"""Ctrl-C in the verbs, at any moment: exit code 130, no traceback, and no half of a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from events.packet import EventPacket, SensorSize, pack_events
from events.recordings.aedat4_writer import Aedat4Writer

SENSOR = SensorSize(346, 260)
NUM_EVENTS = 1_500_000


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takes seconds to be converted by the slowest compression."""
    path = tmp_path_factory.mktemp("recording") / "long.aedat4"
    random = np.random.default_rng(0)
    t = np.sort(random.integers(0, 5_000_000, NUM_EVENTS))
    x, y = random.integers(0, 346, NUM_EVENTS), random.integers(0, 260, NUM_EVENTS)
    events = pack_events(t, x, y, x % 2)
    with Aedat4Writer(path, SENSOR, "random", compression="none") as writer:
        writer.write(EventPacket(events, SENSOR, 0, 5_000_000))
    return path


def saccade(*arguments: object, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CONFIG_HOME": str(folder)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # not a background job
    )


def interrupt(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C; return what was said."""
    process.send_signal(signal.SIGINT)
    said = "".join(process.communicate(timeout=30))
    assert process.returncode == 130, said
    assert "Traceback" not in said
    return said


def wait_for(process: subprocess.Popen[str], path: Path) -> None:
    """Wait until the process has begun to write ``path``."""
    while not (path.exists() and path.stat().st_size):
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


@pytest.mark.parametrize("before", [None, b"another recording"])
def test_an_interrupted_conversion_leaves_what_was_there(
    long_recording: Path, tmp_path: Path, before: bytes | None
) -> None:
    out = tmp_path / "out.aedat4"
    if before is not None:
        out.write_bytes(before)
    options = ("--overwrite", "--compression", "zstd_high")
    process = saccade("convert", long_recording, out, *options, folder=tmp_path)
    wait_for(process, tmp_path / ".out.part.aedat4")
    interrupt(process)
    assert [path.name for path in tmp_path.iterdir()] == (["out.aedat4"] if before else [])
    assert before is None or out.read_bytes() == before


def test_an_interrupted_demo_leaves_a_film_that_says_it_is_a_part(
    tiny_engine: Path, tmp_path: Path
) -> None:
    film, partial = tmp_path / "demo.mp4", tmp_path / "demo.partial.mp4"
    options = ("--headless", "-o", film, "--seconds", "600", "--engine", tiny_engine)
    process = saccade("demo", *options, "--provider", "cpu", folder=tmp_path)
    wait_for(process, tmp_path / ".demo.mp4.part")
    said = interrupt(process)
    assert f"what there is of it is {partial}\n" in said
    assert f"film: {film}" not in said
    assert list(tmp_path.iterdir()) == [partial]


IMPORT_IN_C = """
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000): pass
except BaseException as error:
    raise ImportError("as numpy says it") from error
"""
INFO_THAT_IMPORTS = """
import sys, time, types
from app import cli
verb = types.ModuleType("app.verbs.info")
verb.add_arguments = lambda parser: None
verb.run = lambda args: (__import__("slow_library"), time.sleep(0.5)) and 0
sys.modules["app.verbs.info"] = verb
sys.exit(cli.main(["info"]))
"""


def test_ctrl_c_while_a_library_is_imported_is_no_bad_installation(tmp_path: Path) -> None:
    (tmp_path / "slow_library.py").write_text(IMPORT_IN_C)
    done = subprocess.run(
        [sys.executable, "-c", INFO_THAT_IMPORTS],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "saccade: interrupted\n")


def test_ctrl_c_while_a_live_source_is_opened_ends_the_run(
    tiny_engine: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    options = ("-o", out, "--engine", tiny_engine, "--debug")
    address = f"unix:{tmp_path}/silent"
    process = saccade("run", address, *options, folder=tmp_path)
    time.sleep(0.3)
    interrupt(process)
    assert not out.exists() or out.read_bytes() == b""
