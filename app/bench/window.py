"""How soon the window is up, and how evenly it ticks while a network infers beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from app.bench.row import Row

SECTION = "window"
LOADS = ((1e6, "here"), (10e6, "here"), (10e6, "child"))
"""Events a second, and the process that reads the camera."""
SECONDS, WARM_UP_SECONDS = 8.0, 1.0
STRIDE_MS = 33.0
UP_TARGET_S, LATE_TARGET_MS, AGE_TARGET_MS = 1.5, 8.0, 1.5 * STRIDE_MS
LIMIT_S = 120


def rows(engine_path: Path) -> Iterator[Row]:
    """Measure a window of its own process, offscreen, on live streams of 640x480."""
    if not engine_path.is_file():
        raise FileNotFoundError(f"no engine {engine_path}: choose another with --engine")
    measure(engine_path, *LOADS[0], WARM_UP_SECONDS)  # fills the kernels' cache
    for number, (rate, place) in enumerate(LOADS):
        found = measure(engine_path, rate, place, SECONDS)
        if number == 0:
            yield Row(
                section=SECTION, name="process start to first picture", value=found["up_s"],
                unit="s", baseline=UP_TARGET_S, note="to its target",
            )  # fmt: skip
        where = "camera read in a child" if place == "child" else "camera read here"
        yield from _rows_of(f"{rate / 1e6:g} Mev/s, {where}", found)


def measure(engine_path: Path, rate: float, place: str, seconds: float) -> dict[str, float]:
    """Return the stopwatch's figures of one window; see app.ui.stopwatch."""
    command = [sys.executable, "-m", "app.ui.stopwatch"]
    arguments = [str(time.time()), str(engine_path), str(rate), str(seconds), place]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise RuntimeError(f"the window cannot be measured: {last[0]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _rows_of(load: str, found: dict[str, float]) -> Iterator[Row]:
    yield Row(
        section=SECTION, name=f"tick lateness p99, {load}", value=found["late_p99_ms"], unit="ms",
        baseline=LATE_TARGET_MS, note="to its target",
    )  # fmt: skip
    yield Row(
        section=SECTION, name=f"ticks, {load}", value=found["ticks_per_s"], unit="/s",
        baseline=60.0, is_higher_better=True, note="to 60 Hz",
    )  # fmt: skip
    yield Row(
        section=SECTION, name=f"windows, {load}", value=found["windows_per_s"], unit="/s",
        baseline=1000 / STRIDE_MS, is_higher_better=True,
        note=f"to one each {STRIDE_MS:g} ms; {found['num_lost']:,.0f} events lost",
    )  # fmt: skip
    yield Row(
        section=SECTION, name=f"data age p95, {load}", value=found["age_p95_ms"], unit="ms",
        baseline=AGE_TARGET_MS, note="to 1.5 strides",
    )  # fmt: skip
