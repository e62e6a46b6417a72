"""Windows of a number of events, and filters, in the window."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from PySide6.QtCore import Qt
from scripted_source import ScriptedSource, random_packets
from wrapped_engine import WrappedEngine

from app.cli import main
from app.engines import load_engine
from app.scene import PipelineState, Stats
from app.ui import settings as store
from app.ui.hud import Hud
from app.ui.rate_history import RateHistory
from events.windows import WindowConfig

EVENTS = WindowConfig(length_us=None, stride_us=None, length_events=20_000, stride_events=10_000)


def section(window):
    return window.parts.left.windows


def shown(window):
    return [key for key, field in section(window).fields.items() if field.isVisible()]


def test_windows_of_events_are_chosen_where_those_of_time_are(playing, qtbot):
    assert section(playing).unit.text() == "Time"
    assert shown(playing) == ["length_ms", "stride_ms"]
    section(playing).unit.pick("events")
    assert shown(playing) == ["length_events", "stride_events"]
    assert playing.session._pipeline.windows == EVENTS
    section(playing).fields["length_events"].setValue(3_000)
    section(playing).fields["stride_events"].setValue(1_500)
    windows = playing.session._pipeline.windows
    assert (windows.length_events, windows.stride_events) == (3_000, 1_500)
    section(playing).unit.pick("time")
    windows = playing.session._pipeline.windows
    assert (windows.length_us, windows.stride_us) == (50_000, 20_000)  # the engine's, as before
    assert playing.preferences.length_events == 3_000


def test_the_engine_s_windows_are_offered_and_are_of_time(playing, qtbot):
    section(playing).unit.pick("events")
    offer = section(playing).suggested
    assert offer.isVisible()
    assert "trained on windows of 50 ms" in offer.toolTip()
    qtbot.mouseClick(offer, Qt.MouseButton.LeftButton)
    assert not offer.isVisible()
    assert section(playing).unit.text() == "Time"
    assert playing.session._pipeline.windows.length_us == 50_000


def test_windows_of_events_become_scenes_and_are_remembered(make_window, qtbot, recording):
    first = make_window()
    section(first).unit.pick("events")
    section(first).fields["length_events"].setValue(500)
    first.load_engine()
    first.open(str(recording))
    qtbot.waitUntil(lambda: first.display.has_shown_prediction, timeout=20_000)
    assert len(first.display._scene.packet) == 500
    first.close()
    read, notes = store.load(store.open_settings())
    assert (read.window_unit, read.length_events, notes) == ("events", 500, [])


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("length_events", "1e12", 1_000_000),
        ("stride_events", "-5", 100),
        ("length_events", "2500.7", 2_500),
        ("window_unit", '"frames"', "time"),
    ],
)
def test_settings_that_cannot_be_are_brought_into_range(settings_folder, key, text, expected):
    settings = store.open_settings()
    settings.setValue(key, text)
    preferences, _ = store.load(settings)
    assert getattr(preferences, key) == expected


def test_a_step_through_windows_of_events_is_as_long_as_they_take(playing, qtbot):
    section(playing).unit.pick("events")
    playing.actions_.toggle_playing()
    qtbot.waitUntil(lambda: playing.session.state is PipelineState.PAUSED)
    playing.session.seek(10**15 + 1_000_000)
    qtbot.waitUntil(lambda: playing.session.stats().clock_us == 10**15 + 1_000_000)
    assert playing.session.stride_us == pytest.approx(500_000, rel=0.1)  # 10,000 of 20 kev/s
    playing.session.step(-1)
    qtbot.waitUntil(
        lambda: abs(playing.session.stats().clock_us - 10**15 - 500_000) < 50_000, timeout=5_000
    )


def test_a_quiet_scene_says_how_many_events_came_and_goes_on_drawing(
    make_window, qtbot, monkeypatch
):
    window = make_window(window_unit="events")
    source = ScriptedSource(random_packets(30, num_events=5), is_live=True, ends=False)
    monkeypatch.setattr(window.session, "_open_source", lambda _: source)
    window.load_engine()
    window.open("camera")
    bars = window.parts.right.bars
    qtbot.waitUntil(
        lambda: bars._placeholder == "150 of 20,000 events came",
        timeout=20_000,
    )
    assert window.parts.picture.pixels is not None
    assert "has 150 events so far" in window.parts.hud.fields["windows"].toolTip()


def test_the_strip_of_figures_says_nothing_of_events_that_wait_for_windows_of_time(qtbot):
    hud = Hud()
    qtbot.addWidget(hud)
    hud.show_stats(Stats())
    assert "so far" not in hud.fields["windows"].toolTip()


def test_a_burst_of_one_microsecond_does_not_flatten_the_timeline():
    history = RateHistory(0, 1_000_000)
    history.add(500, 501, 1_000)
    assert np.nanmax(history.rates) == 1e6


def test_the_timeline_shows_where_a_stream_went_without_windows():
    history = RateHistory(10**15, 10**15 + 4_800_000)  # a bin has 10 ms
    history.follow(10**15 + 400_000, 2_000)
    assert history.rates[:40].tolist() == [2_000] * 40
    history.add(10**15, 10**15 + 100_000, 900)  # what a window says is truer
    history.follow(10**15 + 500_000, 0)
    history.follow(10**15 + 4_000_000, 7_000)  # a seek
    history.follow(10**15 + 4_000_000, 7_000)
    history.follow(10**15 + 3_000_000, 7_000)
    assert history.rates[:50].tolist() == [9_000] * 10 + [2_000] * 30 + [0] * 10
    assert np.isnan(history.rates[50:]).all()


class NotingEngine(WrappedEngine):
    """Keeps what it was fed."""

    def __init__(self, engine):
        super().__init__(engine)
        self.grids = []

    def run(self, grid, memory=None, *, elapsed=1.0):
        self.grids.append(grid.tobytes())
        return super().run(grid, memory, elapsed=elapsed)


def test_the_window_and_run_feed_an_engine_the_same(
    make_window, qtbot, recording, tiny_engine, tmp_path, monkeypatch
):
    in_window = NotingEngine(load_engine(tiny_engine, "cpu"))
    filters = ("background", "refractory", "hot_pixels")
    window = make_window(
        window_unit="events",
        length_events=700,
        stride_events=300,
        filters=filters,
        is_looping=False,
    )
    monkeypatch.setattr(window.session._loader, "_load", lambda *_: in_window)
    window.load_engine()
    qtbot.waitUntil(lambda: window.session.engine is in_window, timeout=20_000)
    window.actions_.set_speed(math.inf)
    window.open(str(recording))
    qtbot.waitUntil(lambda: window.session.state is PipelineState.ENDED, timeout=20_000)

    in_run, out = NotingEngine(load_engine(tiny_engine, "cpu")), tmp_path / "out.jsonl"
    monkeypatch.setattr("app.engines.load_engine", lambda *_, **__: in_run)
    given = ["run", recording, "-o", out, "--window-events", 700, "--stride-events", 300]
    for name in reversed(filters):
        given += ["--filter", name]
    assert main([str(part) for part in given]) == 0
    assert len(in_run.grids) == len(out.read_text().splitlines()) > 50
    assert in_window.grids == in_run.grids
    last = json.loads(out.read_text().splitlines()[-1])
    assert last["partial"]
