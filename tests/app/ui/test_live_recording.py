"""Recording what a live source sends: only once events flow, and closed when the source dies."""

from __future__ import annotations

import threading

import pytest
from scripted_source import SENSOR, ScriptedSource, random_packets

from app.scene import PipelineState
from app.ui import settings as store
from app.ui.session import Session
from app.ui.window import MainWindow
from events.recordings.open import open_recording
from events.sources.source import SourceError


@pytest.fixture
def show(qtbot, settings_folder):
    """A function that shows a window without an engine on a given source."""
    windows = []

    def make(source):
        window = MainWindow(Session(lambda text: source), store.Preferences())
        windows.append(window)
        window.show()
        window.open("camera")
        return window

    yield make
    for window in windows:
        window.close()
        window.deleteLater()


def test_recording_waits_until_events_flow(show, qtbot):
    quiet, flowing = threading.Event(), threading.Event()

    def before(number):
        if number == 10:
            quiet.set()
            flowing.wait(5)

    packets = random_packets(10, num_events=0) + random_packets(10, start_us=100_000)
    window = show(ScriptedSource(packets, is_live=True, before=before, ends=False))
    record = window.parts.transport.record
    qtbot.waitUntil(quiet.is_set)
    qtbot.waitUntil(lambda: window.session.state is PipelineState.RUNNING)
    qtbot.wait(50)
    assert not record.isEnabled()
    flowing.set()
    qtbot.waitUntil(record.isEnabled)


def test_an_unplugged_camera_closes_its_recording(show, qtbot, tmp_path):
    unplugged = threading.Event()
    source = ScriptedSource(
        random_packets(40),
        is_live=True,
        before=lambda number: number < 20 or unplugged.wait(5),
        failure=SourceError("the camera was unplugged"),
    )
    window = show(source)
    qtbot.waitUntil(window.parts.transport.record.isEnabled)
    assert window.session.start_recording(tmp_path / "live.aedat4")
    unplugged.set()
    qtbot.waitUntil(lambda: window.session.recording is None)
    assert window.session.state is PipelineState.FAILED
    window.display.tick(None)
    assert "the camera was unplugged" in window.parts.messages.details.toPlainText()
    with open_recording(tmp_path / "live.aedat4") as made:
        assert made.damage.is_clean  # its index too: it was closed
        assert made.sensor == SENSOR
        assert sum(len(packet) for packet in made.packets()) == 20 * 500


def test_a_recording_that_plays_is_not_replaced_by_itself(window, qtbot, recording):
    before = recording.read_bytes()
    window.open(str(recording))
    qtbot.waitUntil(window.parts.transport.record.isEnabled)
    assert not window.session.start_recording(recording, overwrite=True)
    window.tick()
    assert "is the input itself" in window.parts.messages.text
    assert recording.read_bytes() == before
