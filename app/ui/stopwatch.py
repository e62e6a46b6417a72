"""Measures the real window from outside: how soon it is up, and how evenly it ticks under load.

Run as a process of its own, because a window's first second can be had only once:
``python -m app.ui.stopwatch STARTED_S ENGINE RATE SECONDS here|child`` prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.bench.capture import clip_source
from app.bench.window import STRIDE_MS
from app.scene import Stats
from app.ui.application import SWITCH_S, begin_engine
from app.ui.session import Session
from app.ui.settings import Preferences
from app.ui.theme import THEMES, apply_theme
from app.ui.window import TICK_MS, MainWindow

WARM_UP_S = 2.0
"""Ticks before the first prediction is so old are not counted: the engine warms up."""


def measure(
    started_s: float, engine: Path, rate: float, seconds: float, *, in_child: bool
) -> dict[str, float]:
    """Return figures of a window on a live stream of 640x480.

    Args:
        started_s: When the process was started, by ``time.time``.
        engine: That infers meanwhile.
        rate: Events a second.
        seconds: How long.
        in_child: Whether the camera is read in a child process.
    """
    sys.setswitchinterval(SWITCH_S)
    application = QApplication([])
    apply_theme(application, THEMES["dark"])
    session = Session(lambda text: clip_source(rate, in_child=in_child))
    preferences = Preferences(engine=str(engine), uses_engine_window=False, stride_ms=STRIDE_MS)
    window = MainWindow(session, preferences, None)
    window.show()
    ticks_s: list[float] = []
    counted: list[tuple[float, Stats]] = []  # when counting began and ended, and the account then
    shown_s: list[float] = []

    def tick() -> None:
        now_s = time.time()
        ticks_s.append(now_s)
        if not shown_s and window.display.has_shown_prediction:
            shown_s.append(now_s)
        due_s = WARM_UP_S + seconds * len(counted)
        if shown_s and now_s - shown_s[0] >= due_s:
            counted.append((now_s, session.stats()))
        if len(counted) == 2:  # not later: quitting closes the window, its stream and its account
            application.quit()

    window.timer.timeout.connect(tick)
    QTimer.singleShot(0, lambda: window.open("clip"))
    QTimer.singleShot(0, lambda: begin_engine(window))
    application.exec()
    (begun_s, before), (ended_s, after) = counted
    return {
        "up_s": ticks_s[0] - started_s,
        **_ticking(np.array([tick_s for tick_s in ticks_s if begun_s <= tick_s <= ended_s])),
        "events_per_s": after.event_rate,
        "num_lost": after.num_lost_events - before.num_lost_events,
        "windows_per_s": (after.num_windows - before.num_windows) / (ended_s - begun_s),
        "age_p95_ms": after.age.p95_ms,
    }


def _ticking(ticks_s: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return how often and how evenly the window ticked."""
    late_ms = 1000 * np.diff(ticks_s) - TICK_MS
    return {
        "ticks_per_s": (len(ticks_s) - 1) / (ticks_s[-1] - ticks_s[0]),
        "late_p50_ms": float(np.percentile(late_ms, 50)),
        "late_p99_ms": float(np.percentile(late_ms, 99)),
    }


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    started, engine_path, events_per_s, duration_s, place = sys.argv[1:]
    result = measure(
        float(started), Path(engine_path), float(events_per_s), float(duration_s),
        in_child=place == "child",
    )  # fmt: skip
    sys.stdout.write(json.dumps(result))
