"""The window and its engine: neither waits for the other, and both see the same events."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from scripted_source import ScriptedSource, random_packets
from wrapped_engine import HeldEngine

from app import stages
from app.engines import load_engine
from app.inference import Inference
from app.render import accumulated_image, overlay_segmentation
from app.scene import PipelineState
from app.ui.theme import THEMES
from events.windows import Window


@pytest.fixture
def held(window, qtbot, tiny_engine, monkeypatch):
    """An engine that hangs in the window, on a live stream that goes on."""
    engine, loading = HeldEngine(load_engine(tiny_engine, "cpu")), []

    def load(*_):
        loading.append(threading.current_thread().name)
        return engine

    monkeypatch.setattr(window.session._loader, "_load", load)
    window.load_engine()
    qtbot.waitUntil(lambda: window.session.engine is not None, timeout=20_000)
    assert loading == ["saccade-load-engine"]
    packets = random_packets(4000, num_events=50)
    source = ScriptedSource(packets, is_live=True, ends=False, before=lambda _: time.sleep(0.001))
    monkeypatch.setattr(window.session, "_open_source", lambda text: source)
    window.open("camera")
    qtbot.waitUntil(engine.entered.is_set, timeout=10_000)
    yield engine
    engine.close()


def test_the_window_goes_on_while_its_engine_hangs(window, qtbot, held):
    parts, session = window.parts, window.session
    clock_us = session.stats().clock_us
    for box in parts.left.filters.values():
        box.click()
    parts.left.windows.fields["length_ms"].setValue(30)
    parts.left.decay.setValue(100)
    for view in ("accumulated", "voxel", "surface"):
        parts.top.view.pick(view)
        window.tick()
    for state in (PipelineState.PAUSED, PipelineState.RUNNING):
        window.actions_.toggle_playing()
        assert session.state is state
    qtbot.waitUntil(lambda: session.stats().clock_us > clock_us)
    qtbot.waitUntil(lambda: parts.picture.pixels is not None)
    assert not held.has_given_up
    assert not window.display.has_shown_prediction
    held.gate.set()
    qtbot.waitUntil(lambda: window.display.has_shown_prediction, timeout=10_000)
    assert held.threads == {"saccade-inference"}


def test_what_is_steered_loads_no_engine_anew(playing, qtbot, monkeypatch):
    engine, asked, begun = playing.session.engine, [], []
    monkeypatch.setattr(playing.session._loader, "request", lambda *given: asked.append(given))
    monkeypatch.setattr(stages, "Inference", lambda *given: begun.append(given))
    left, actions = playing.parts.left, playing.actions_

    def windows_come():
        num = playing.session.stats().num_windows
        qtbot.waitUntil(lambda: playing.session.stats().num_windows > num + 3)

    steps = [
        *(box.click for box in left.filters.values()),
        *(box.click for box in left.filters.values()),
        lambda: left.windows.fields["length_ms"].setValue(30),
        lambda: left.windows.fields["stride_ms"].setValue(10),
        lambda: left.decay.setValue(100),
        lambda: playing.parts.top.opacity.setValue(10),
        actions.next_view,
        actions.to_start,
        lambda: (actions.toggle_playing(), actions.step_forward(), actions.toggle_playing()),
        actions.faster,
    ]
    for step in steps:
        step()
        windows_come()
    assert (asked, begun) == ([], [])
    assert playing.session.engine is engine
    assert playing.session.stats().num_engine_failures == 0


@pytest.mark.parametrize("name", ["background", "refractory", "hot_pixels"])
def test_what_lies_over_the_events_was_said_of_those_events(playing, qtbot, name):
    playing.parts.top.view.pick("accumulated")
    playing.parts.left.filters[name].click()
    [step] = playing.session.filters
    qtbot.waitUntil(lambda: step.num_seen > 20_000)  # as many as any window of before
    playing.actions_.toggle_playing()
    qtbot.waitUntil(lambda: playing.session.state is PipelineState.PAUSED)
    qtbot.wait(100)  # the last windows come
    playing.tick()
    playing.display.redraw()
    playing.display.tick(None)
    scene, preferences = playing.display._scene, playing.preferences
    window = Window(scene.index, scene.packet, scene.is_partial)
    said = Inference(playing.session.engine, scene.packet.sensor).infer(window)
    np.testing.assert_array_equal(
        scene.prediction.segmentation.class_ids, said.segmentation.class_ids
    )
    colors = THEMES[preferences.theme].events
    expected = accumulated_image(scene.packet, colors=colors)
    overlay_segmentation(expected, said.segmentation, opacity=preferences.opacity, colors=colors)
    np.testing.assert_array_equal(playing.parts.picture.pixels, expected)
