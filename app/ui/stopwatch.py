"""Measures the real window from outside: how soon it is up, and how evenly it ticks under load.

Run as a process of its own, because a window's first second can be had only once:
``python -m app.ui.stopwatch STARTED_S ENGINE RATE SECONDS`` prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.bench.streams import RandomSource
from app.scene import Stats
from app.ui.application import SWITCH_S
from app.ui.session import Session
from app.ui.settings import Preferences
from app.ui.theme import THEMES, apply_theme
from app.ui.window import TICK_MS, MainWindow
from events.packet import SensorSize

SENSOR = SensorSize(640, 480)
WARM_UP_S = 2.0
"""Ticks before this are not counted: kernels load and the engine warms up."""


def measure(started_s: float, engine: Path, rate: float, seconds: float) -> dict[str, float]:
    """Return figures of a window on a live stream of random events.

    Args:
        started_s: When the process was started, by ``time.time``.
        engine: That infers meanwhile.
        rate: Events a second, 640x480.
        seconds: How long.
    """
    sys.setswitchinterval(SWITCH_S)
    application = QApplication([])
    apply_theme(application, THEMES["dark"])
    session = Session(lambda text: RandomSource(rate, 1e4, is_live=True, sensor=SENSOR))
    window = MainWindow(session, Preferences(engine=str(engine)), None)
    window.show()
    ticks_s: list[float] = []
    window.timer.timeout.connect(lambda: ticks_s.append(time.time()))
    QTimer.singleShot(0, lambda: window.open("random"))
    QTimer.singleShot(0, window.load_engine)
    found: list[Stats] = []

    def end() -> None:  # quitting closes the window, and that ends the stream and its account
        found.append(session.stats())
        application.quit()

    QTimer.singleShot(round(1000 * (WARM_UP_S + seconds)), end)
    application.exec()
    [stats] = found
    counted_s = [tick_s for tick_s in ticks_s if tick_s > ticks_s[0] + WARM_UP_S]
    late_ms = 1000 * np.diff(counted_s) - TICK_MS
    return {
        "up_s": ticks_s[0] - started_s,
        "ticks_per_s": len(counted_s) / seconds,
        "late_p50_ms": float(np.percentile(late_ms, 50)),
        "late_p99_ms": float(np.percentile(late_ms, 99)),
        "windows_per_s": stats.windows_done_per_s,
        "age_p95_ms": stats.age.p95_ms,
    }


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    started, engine_path, events_per_s, duration_s = sys.argv[1:]
    found = measure(float(started), Path(engine_path), float(events_per_s), float(duration_s))
    sys.stdout.write(json.dumps(found))
