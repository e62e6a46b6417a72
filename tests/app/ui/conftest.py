"""A window on a small real recording, with settings in a temporary folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.engines import load_engine
from app.ui import settings as store
from app.ui.session import Session
from app.ui.theme import THEMES, apply_theme
from app.ui.window import MainWindow
from events.packet import EventPacket, SensorSize, pack_events
from events.recordings.aedat4_writer import Aedat4Writer
from events.sources.open import open_source

SENSOR = SensorSize(48, 32)
START_US, DURATION_US = 10**15, 2_000_000


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of an edge that moves to and fro, and some noise; starts at 1e15 us."""
    path = tmp_path_factory.mktemp("recordings") / "edge.aedat4"
    random = np.random.default_rng(0)
    with Aedat4Writer(path, SENSOR, "TEST_1") as writer:
        for start_us in range(START_US, START_US + DURATION_US, 10_000):
            writer.write(_edge(random, start_us))
    return path


def _edge(random: np.random.Generator, start_us: int) -> EventPacket:
    t = np.sort(random.integers(start_us, start_us + 10_000, 200))
    place = (t - START_US) // 20_000 % 48
    is_noise = random.random(200) < 0.1
    x = np.where(is_noise, random.integers(0, 48, 200), place)
    y = random.integers(0, 32, 200)
    p = random.integers(0, 2, 200)
    return EventPacket(pack_events(t, x, y, p), SENSOR, start_us, start_us + 10_000)


@pytest.fixture
def settings_folder(tmp_path: Path) -> Path:
    """Where settings go in this test; never the user's own."""
    folder = tmp_path / "settings"
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(folder))
    return folder


MakeWindow = Callable[..., MainWindow]


@pytest.fixture
def make_window(qtbot: QtBot, tiny_engine: Path, settings_folder: Path) -> Iterator[MakeWindow]:
    """A function that shows a window; every window is closed after the test."""
    windows: list[MainWindow] = []

    def make(**preferences: object) -> MainWindow:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        values = store.Preferences(engine=str(tiny_engine), provider="cpu", **preferences)
        apply_theme(application, THEMES[values.theme])
        window = MainWindow(Session(open_source, load_engine), values, store.open_settings())
        windows.append(window)
        window.show()
        qtbot.waitExposed(window)
        return window

    yield make
    for window in windows:
        window.close()
        window.deleteLater()


@pytest.fixture
def window(make_window: MakeWindow) -> MainWindow:
    """An empty window."""
    return make_window()


@pytest.fixture
def playing(window: MainWindow, qtbot: QtBot, recording: Path) -> MainWindow:
    """A window in which the recording plays, with predictions."""
    window.load_engine()
    window.open(str(recording))
    qtbot.waitUntil(lambda: window.display.has_shown_prediction, timeout=20_000)
    return window
