from __future__ import annotations

import json
import signal
import sys

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.cli import main
from app.ui import settings as store
from app.ui.application import GuiOptions, listen_for_signals, with_options
from app.ui.settings import Preferences
from app.ui.window import MainWindow
from events.recordings.open import open_recording


@pytest.fixture
def signals_restored():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    interval_s = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval_s)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_closes_the_window_and_its_recording(
    playing, qtbot, tmp_path, signals_restored, number
):
    path = tmp_path / "interrupted.aedat4"
    interrupted = listen_for_signals(playing)
    assert playing.session.start_recording(path)
    recording = playing.session.recording
    qtbot.waitUntil(lambda: recording.num_events > 0)
    signal.raise_signal(number)
    qtbot.waitUntil(lambda: not playing.isVisible())
    assert interrupted()
    with open_recording(path) as made:
        assert sum(len(packet) for packet in made.packets()) == recording.num_events


def test_an_engine_of_the_command_line_is_remembered_for_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = Preferences(engine="/old.onnx", provider="cpu")
    asked = with_options(before, GuiOptions(engine="mine.onnx"))
    assert (asked.engine, asked.provider) == (str(tmp_path / "mine.onnx"), "cpu")
    assert with_options(before, GuiOptions(engine="")).engine == ""  # Saccade's own
    assert with_options(before, GuiOptions()) == before


def test_settings_of_another_version_are_said_in_the_window(
    qapp, settings_folder, tiny_engine, signals_restored
):
    settings = store.open_settings()
    settings.setValue("holographic_mode", "true")
    settings.setValue("opacity", json.dumps(0.3))
    settings.sync()
    seen = []

    def close() -> None:
        for window in QApplication.topLevelWidgets():
            if isinstance(window, MainWindow):
                seen.append((window.preferences.opacity, window.parts.messages.text))
                window.close()
                window.deleteLater()

    QTimer.singleShot(300, close)
    assert main(["gui", "--engine", str(tiny_engine), "--provider", "cpu"]) == 0
    assert seen == [(0.3, "settings of another version left alone: holographic_mode")]


def test_the_demo_leaves_what_the_window_remembers(
    qapp, tmp_path, settings_folder, tiny_engine, signals_restored
):
    store.save(store.open_settings(), Preferences(engine="/mine.onnx", provider="cuda", seed=7))
    before = (settings_folder / "saccade" / "saccade.ini").read_bytes()
    seen = []

    def close() -> None:
        for window in QApplication.topLevelWidgets():
            if isinstance(window, MainWindow):
                seen.append(window.preferences)
                window.close()
                window.deleteLater()

    QTimer.singleShot(300, close)
    assert main(["demo", "--engine", str(tiny_engine), "--provider", "cpu"]) == 0
    assert [preferences.engine for preferences in seen] == [str(tiny_engine)]
    assert (settings_folder / "saccade" / "saccade.ini").read_bytes() == before
