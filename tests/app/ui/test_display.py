from __future__ import annotations

import threading

import numpy as np
import pytest
from scripted_source import SENSOR, ScriptedSource, random_packets

from app.scene import PipelineState, Stats
from app.ui import settings as store
from app.ui.hud import Hud
from app.ui.session import Session
from app.ui.window import MainWindow
from events.simulate.truth import Frame
from events.sources.source import SourceError


class TrueSource(ScriptedSource):
    """A scripted source that knows the truth."""

    def truth(self, t_us):
        ids = np.zeros((SENSOR.height, SENSOR.width), np.uint8)
        ids[8:16, 8:20] = 2
        depth = np.full(ids.shape, 3.0, np.float32)
        return Frame(depth / 10, depth, ids, (ids > 0).astype(np.uint8))


@pytest.fixture
def show(qtbot, tiny_engine, settings_folder):
    """A function that shows a window on a given source."""
    windows = []

    def make(source):
        preferences = store.Preferences(engine=str(tiny_engine), provider="cpu")
        window = MainWindow(Session(lambda text: source), preferences)
        windows.append(window)
        window.show()
        window.load_engine()  # first: a scripted source does not wait for it
        qtbot.waitUntil(lambda: window.session.engine is not None, timeout=20_000)
        window.open("camera")
        return window

    yield make
    for window in windows:
        window.close()
        window.deleteLater()


def test_a_live_stream_has_no_seek_bar_but_can_be_recorded(show, qtbot):
    window = show(ScriptedSource(random_packets(20), is_live=True, ends=False))
    transport = window.parts.transport
    qtbot.waitUntil(lambda: transport.end.text() == "live")
    qtbot.waitUntil(transport.record.isEnabled)
    assert not transport.step_forward.isEnabled()
    assert not transport.timeline.isEnabled()
    assert window.parts.left.source.buttons["camera"].isChecked()


def test_a_source_that_cannot_be_opened_is_said_once(show, qtbot):
    failure = SourceError("no camera found: plug one in")
    window = show(ScriptedSource([], open_failure=failure))
    qtbot.waitUntil(lambda: window.parts.messages.text == "no camera found: plug one in")
    qtbot.wait(60)
    assert window.parts.messages.details.toPlainText().count("no camera found") == 1
    assert window.parts.pages.currentWidget() is window.parts.start
    assert not window.parts.transport.record.isEnabled()


def test_a_source_that_dies_leaves_the_picture_and_says_why(show, qtbot):
    source = ScriptedSource(random_packets(20), failure=SourceError("the camera was unplugged"))
    window = show(source)
    qtbot.waitUntil(lambda: window.parts.messages.text == "the camera was unplugged")
    assert window.session.state is PipelineState.FAILED
    assert source.num_closed == 1
    window.tick()
    assert window.parts.messages.role == "error"


def test_opening_says_what_and_esc_gives_up(show, qtbot):
    going = threading.Event()

    class Slow(ScriptedSource):
        def __enter__(self):
            going.wait(5)
            return super().__enter__()

        def stop(self):
            going.set()
            super().stop()

    window = show(Slow(random_packets(5), ends=False))
    qtbot.waitUntil(lambda: window.parts.start.title.text().startswith("Opening camera"))
    window.actions_.escape()
    assert window.session.state is PipelineState.IDLE
    window.tick()
    assert window.parts.start.title.text() == "See through an event camera"


def test_truth_stands_beside_the_prediction(show, qtbot):
    window = show(TrueSource(random_packets(60), ends=False))
    strip = window.parts.truth
    qtbot.waitUntil(lambda: strip.views["said_depth"].pixels is not None, timeout=20_000)
    assert strip.isVisible()
    assert strip.kind.text() == "ball"
    assert "mIoU" in strip.figures.text()
    for view in strip.views.values():
        assert view.pixels.shape == (SENSOR.height, SENSOR.width, 3)


def test_dropped_windows_light_their_field_and_stay_counted(qtbot):
    hud = Hud()
    qtbot.addWidget(hud)
    hud.show_stats(Stats())
    assert not hud.fields["dropped"].is_lit
    hud.show_stats(Stats(num_dropped_windows=3, num_lost_events=1_500_000))
    assert hud.fields["dropped"].is_lit
    assert hud.fields["dropped"].value.text() == "3"
    assert hud.fields["lost"].value.text() == "1.50 M"
    assert "driver" in hud.fields["lost"].toolTip()


def test_a_slow_engine_is_seen_by_its_rates(qtbot):
    hud = Hud()
    qtbot.addWidget(hud)
    hud.show()
    hud.show_stats(Stats(windows_done_per_s=31.4, windows_asked_per_s=50))
    field = hud.fields["windows"]
    assert field.value.text() == "31 / 50 /s"
    assert field.isVisible()
    assert "per second" in field.toolTip()


def test_failures_have_a_field_only_where_there_are_some(qtbot):
    hud = Hud()
    qtbot.addWidget(hud)
    hud.show()
    hud.show_stats(Stats())
    assert not hud.fields["failed"].isVisible()
    hud.show_stats(Stats(num_engine_failures=2))
    assert hud.fields["failed"].isVisible()
    assert hud.fields["failed"].is_lit
    assert hud.fields["failed"].value.text() == "2"
    hud.clear()
    assert not hud.fields["failed"].isVisible()


def test_filtered_and_waiting_events_stand_in_the_tool_tips(qtbot):
    hud = Hud()
    qtbot.addWidget(hud)
    hud.show_stats(Stats(num_filtered=1_234, backlog_events=567))
    assert "1,234 events removed" in hud.fields["rate"].toolTip()
    assert "567 events wait" in hud.fields["age"].toolTip()


def test_fields_keep_their_width_whatever_they_show(qtbot):
    hud = Hud()
    qtbot.addWidget(hud)
    hud.resize(760, 40)
    hud.show()
    hud.show_stats(Stats(event_rate=1))
    places = [field.geometry() for field in hud.fields.values()]
    hud.show_stats(Stats(event_rate=25e6, windows_done_per_s=144, windows_asked_per_s=144))
    assert [field.geometry() for field in hud.fields.values()] == places
