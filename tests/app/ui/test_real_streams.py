"""The window on every recording of the data folder, and on a camera that is killed and returns."""

from __future__ import annotations

from app.scene import PipelineState


def test_every_real_recording_is_shown_with_predictions(window, qtbot, data_folder):
    window.load_engine()
    qtbot.waitUntil(lambda: window.session.engine is not None, timeout=20_000)
    recordings = sorted((data_folder / "recordings").rglob("*.aedat4"))
    assert recordings
    for recording in recordings:
        window.open(str(recording))
        qtbot.waitUntil(lambda: window.display.has_shown_prediction, timeout=20_000)
        window.tick()
        assert window.parts.messages.text == "", recording
        assert window.parts.picture.pixels is not None
        assert recording.stem[:8] in window.parts.top.title.text()


def test_the_window_survives_a_camera_that_is_killed_and_returns(window, qtbot, stand_in_camera):
    camera = stand_in_camera("unix", rate=100_000)
    window.load_engine()
    qtbot.waitUntil(lambda: window.session.engine is not None, timeout=20_000)
    window.open(camera.address)
    qtbot.waitUntil(lambda: window.display.has_shown_prediction, timeout=20_000)
    camera.unplug()
    qtbot.waitUntil(lambda: window.session.stats().message != "", timeout=20_000)
    num_windows = window.session.stats().num_windows
    qtbot.waitUntil(lambda: window.session.stats().num_windows > num_windows + 2, timeout=20_000)
    camera.start()
    qtbot.waitUntil(lambda: window.session.stats().message == "", timeout=20_000)
    num_events = window.session.stats().num_events
    qtbot.waitUntil(lambda: window.session.stats().num_events > num_events, timeout=20_000)
    assert window.session.state is PipelineState.RUNNING
