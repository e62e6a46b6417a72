import signal

import pytest

from app.cli import UserError
from app.ui.application import ensure_display, has_display, listen_for_signals
from events.recordings.recording import open_recording


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


def test_no_display_is_said_before_qt_would_abort(monkeypatch):
    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert not has_display()
    with pytest.raises(UserError, match="no display: set DISPLAY"):
        ensure_display()
