"""Recordings at the edge of what a recording is, opened in the window."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint

from events.packet import EventPacket, SensorSize, pack_events
from events.recordings.aedat4_writer import Aedat4Writer

SENSOR = SensorSize(64, 48)
START_US = 10**15
STREAMS = {
    "one event": ([START_US], "0.000 s"),
    "one instant": ([START_US] * 500, "0.000 s"),
    "two instants": ([START_US, START_US + 999_999], "1.000 s"),
    "from zero": ([0, 61_000_000 - 1], "1:01.000"),
}


def written(path, times_us):
    t = np.array(times_us, np.int64)
    with Aedat4Writer(path, SENSOR, "TEST_1") as writer:
        if len(t):
            events = pack_events(t, np.arange(len(t)) % 64, t % 48, t % 2)
            writer.write(EventPacket(events, SENSOR, int(t[0]), int(t[-1]) + 1))
    return path


@pytest.mark.parametrize("name", STREAMS)
def test_few_and_equal_times_are_shown_with_readable_texts(window, qtbot, tmp_path, name):
    times_us, total = STREAMS[name]
    window.load_engine()
    qtbot.waitUntil(lambda: window.session.engine is not None, timeout=20_000)
    window.actions_.set_speed(10.0)
    window.open(str(written(tmp_path / "a.aedat4", times_us)))
    qtbot.waitUntil(lambda: window.display.has_shown_prediction, timeout=20_000)
    transport = window.parts.transport
    qtbot.waitUntil(lambda: transport.now.text() != "")
    assert transport.end.text() == total
    for view in ("surface", "accumulated", "voxel"):
        window.parts.top.view.pick(view)
        window.tick()
        assert window.parts.picture.pixels.any()
    timeline = transport.timeline
    for x in (0, timeline.width() // 2, timeline.width()):
        qtbot.mouseMove(timeline, QPoint(min(x, timeline.width() - 1), 20))
        timeline.grab()  # paints what hovers there
        assert times_us[0] <= timeline.time_at(x) <= times_us[-1] + 1
    assert "00000" not in timeline.accessibleDescription()
    for step in (window.actions_.step_back, window.actions_.step_forward, window.actions_.to_end):
        step()
        window.tick()
    assert window.parts.messages.text == ""


def test_a_recording_without_events_says_so(window, qtbot, tmp_path):
    window.open(str(written(tmp_path / "a.aedat4", [])))
    qtbot.waitUntil(lambda: "no events" in window.parts.messages.text)
    assert "a.aedat4" in window.parts.messages.text
    assert window.parts.pages.currentWidget() is window.parts.start
