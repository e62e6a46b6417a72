from __future__ import annotations

import signal

import pytest

from app.ui.application import GuiOptions, listen_for_signals, with_options
from app.ui.settings import Preferences
from events.recordings.open import open_recording


@pytest.fixture
def signals_restored():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
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
