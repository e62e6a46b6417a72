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
from app.engines import load_engine

RATE, SECONDS = 1e6, 8.0
UP_TARGET_S, LATE_TARGET_MS = 1.5, 8.0
LIMIT_S = 120


def rows(engine_path: Path) -> Iterator[Row]:
    """Measure a window of its own process, offscreen, on a live stream of 1 Mev/s at 640x480."""
    if not engine_path.is_file():
        raise FileNotFoundError(f"no engine {engine_path}: choose another with --engine")
    load_engine(engine_path).close()  # measures providers now, if ever, not beside the window
    command = [sys.executable, "-m", "app.ui.stopwatch"]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    for seconds in (1.0, SECONDS):  # the first run fills the kernels' cache
        arguments = [str(time.time()), str(engine_path), str(RATE), str(seconds)]
        done = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, env=environment,
            timeout=LIMIT_S, check=False,
        )  # fmt: skip
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise RuntimeError(f"the window cannot be measured: {last[0]}")
    found = json.loads(done.stdout)
    load = f"{RATE / 1e6:.0f} Mev/s, inferring"
    yield Row(
        section="window", name="process start to first picture", value=found["up_s"], unit="s",
        baseline=UP_TARGET_S, note="to its target",
    )  # fmt: skip
    yield Row(
        section="window", name=f"tick lateness p99, {load}", value=found["late_p99_ms"], unit="ms",
        baseline=LATE_TARGET_MS, note="to its target",
    )  # fmt: skip
    yield Row(
        section="window", name=f"ticks, {load}", value=found["ticks_per_s"], unit="/s",
        baseline=60.0, is_higher_better=True, note="to 60 Hz",
    )  # fmt: skip
    yield Row(
        section="window", name=f"windows, {load}", value=found["windows_per_s"], unit="/s",
    )  # fmt: skip
    yield Row(section="window", name=f"data age p95, {load}", value=found["age_p95_ms"], unit="ms")
