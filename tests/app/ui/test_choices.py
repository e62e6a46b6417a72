"""Every text in a menu means what it says: chosen as a user does, by its words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from app.colormaps import COLORMAPS
from app.render import accumulated_image, surface_image, voxel_image
from app.scene import PipelineState
from app.ui.controls import Check
from app.ui.settings import CHOICES, RANGES, SPEEDS
from app.ui.theme import THEMES
from events.filters import BackgroundActivity, HotPixels, Refractory

VIEWS = {"Decaying surface": "surface", "Accumulated": "accumulated", "Voxel bins": "voxel"}
PROVIDERS = {
    "Automatic": "auto",
    "CPU": "cpu",
    "CUDA": "cuda",
    "TensorRT": "tensorrt",
    "OpenVINO": "openvino",
}
FILTERS = {
    "Background noise": BackgroundActivity,
    "Refractory": Refractory,
    "Hot pixels": HotPixels,
}
CHECKS = {
    "Segmentation": "shows_segmentation",
    "Depth": "shows_depth",
    "Tokens": "shows_tokens",
    "Stretch": "stretches_likeness",
}


def choose(picker, text):
    """Choose an entry of a button's menu by its words."""
    next(action for action in picker.menu().actions() if action.text() == text).trigger()


def texts(picker):
    return [action.text() for action in picker.menu().actions()]


@pytest.mark.parametrize("text", VIEWS)
def test_a_view_is_the_one_that_was_read(window, text):
    choose(window.parts.top.view, text)
    assert window.preferences.view == VIEWS[text]
    assert window.parts.top.view.text() == text


def drawn(window, text):
    """Return what a view of this name shall draw of what is on screen."""
    surface, scene = window.session.surface, window.display._scene
    colors = THEMES[window.preferences.theme].events
    if text == "Accumulated":
        return accumulated_image(scene.packet, colors=colors)
    if text == "Voxel bins":
        return voxel_image(scene.packet, 5, colors=colors)
    decay_us = round(1000 * window.preferences.decay_ms)
    places = surface.newest_us, surface.polarity, surface.clock_us
    return surface_image(*places, decay_us=decay_us, colors=colors)


def test_a_view_draws_what_its_text_says(playing, qtbot):
    playing.parts.top.segmentation.setChecked(False)
    playing.actions_.toggle_playing()
    qtbot.waitUntil(lambda: playing.session.state is PipelineState.PAUSED)
    qtbot.wait(100)  # the last windows come
    playing.tick()
    for text in VIEWS:
        choose(playing.parts.top.view, text)
        playing.display.tick(None)
        np.testing.assert_array_equal(playing.parts.picture.pixels, drawn(playing, text))


def test_every_choice_stands_in_these_tables(window):
    providers = [action.text() for action in window.parts.top.engine.menu().actions()]
    assert {PROVIDERS[text] for text in providers if text in PROVIDERS} == set(CHOICES["provider"])
    assert {box.text() for box in window.parts.left.filters.values()} == set(FILTERS)
    boxes = {box.text() for box in window.parts.root.findChildren(Check)}
    assert boxes == {*FILTERS, *CHECKS}


@pytest.mark.parametrize("text", CHECKS)
def test_a_check_box_is_the_one_that_was_read(window, text):
    [box] = [box for box in window.parts.root.findChildren(Check) if box.text() == text]
    for is_on in (False, True):
        box.setChecked(is_on)
        changed = {name: getattr(window.preferences, name) for name in CHECKS.values()}
        assert changed == {name: is_on if name == CHECKS[text] else True for name in changed}


def test_every_view_and_speed_can_be_chosen(window):
    assert [VIEWS[text] for text in texts(window.parts.top.view)] == list(CHOICES["view"])
    assert len(texts(window.parts.transport.speed)) == len(SPEEDS) + 1


@pytest.mark.parametrize("text", PROVIDERS)
def test_a_provider_is_the_one_that_was_read(window, qtbot, text, monkeypatch):
    asked = []
    monkeypatch.setattr(window.session, "request_engine", lambda path, name: asked.append(name))
    window.tick()
    choose(window.parts.top.engine, text)
    assert asked == [PROVIDERS[text]]
    assert window.preferences.provider == PROVIDERS[text]


@pytest.mark.parametrize(("text", "choice"), [("Saccade's own", ""), ("None: events only", "none")])
def test_an_engine_is_the_one_that_was_read(window, qtbot, text, choice, monkeypatch):
    monkeypatch.setattr(window.session, "request_engine", lambda path, name: None)
    window.tick()
    with qtbot.waitSignal(window.parts.top.engine_picked) as picked:
        choose(window.parts.top.engine, text)
    assert picked.args == [choice]


def test_an_engine_can_be_opened_from_the_menu(window, monkeypatch, tiny_engine):
    asked = []
    monkeypatch.setattr(
        "app.ui.window.QFileDialog.getOpenFileName", lambda *_: (str(tiny_engine), "")
    )
    monkeypatch.setattr(window.session, "request_engine", lambda path, name: asked.append(path))
    window.tick()
    choose(window.parts.top.engine, "Open engine…")
    assert asked == [tiny_engine]


def test_a_speed_is_the_one_that_was_read(playing):
    speed = playing.parts.transport.speed
    for text in texts(speed):
        choose(speed, text)
        is_factor = text.endswith("×")
        expected = float(text.removesuffix("×")) if is_factor else math.inf
        assert playing.actions_.speed == expected
        assert playing.session.source.speed == expected
        assert speed.text() == ("max" if math.isinf(expected) else text)


def test_a_colour_map_is_the_one_that_was_read(window):
    picker = window.parts.right.map_picker
    assert texts(picker) == list(COLORMAPS)
    for text in texts(picker):
        choose(picker, text)
        assert window.preferences.colormap == text


def test_each_filter_s_box_switches_its_own_filter(window):
    for name, box in window.parts.left.filters.items():
        box.click()
        assert window.preferences.filters == (name,)
        assert [type(step) for step in window.session.filters] == [FILTERS[box.text()]]
        box.click()
        assert window.preferences.filters == ()
        assert window.session.filters == ()


@pytest.mark.parametrize(
    "name", ["length_ms", "stride_ms", "length_events", "stride_events", "decay_ms", "opacity"]
)
def test_a_number_applies_at_once_by_keys_and_wheel(window, qtbot, name):
    left, is_slider = window.parts.left, name == "opacity"
    left.windows.unit.pick("events" if name.endswith("_events") else "time")
    fields = {**left.windows.fields, "decay_ms": left.decay, "opacity": window.parts.top.opacity}
    field = fields[name]
    scale, limits = 100 if is_slider else 1, RANGES[name]
    assert (field.minimum(), field.maximum()) == (scale * limits.least, scale * limits.greatest)
    before = getattr(window.preferences, name)
    qtbot.keyClick(field, Qt.Key.Key_Up)
    after_key = getattr(window.preferences, name)
    assert after_key == pytest.approx(before + limits.step)
    middle = QPointF(field.rect().center())
    wheel = QWheelEvent(
        middle, QPointF(field.mapToGlobal(middle)), QPoint(), QPoint(0, 120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase,
        False,
    )  # fmt: skip
    QApplication.sendEvent(field, wheel)
    after_wheel = getattr(window.preferences, name)
    assert after_wheel > after_key
    assert after_wheel == pytest.approx(field.value() / scale)


def test_another_seed_or_address_is_what_opens_next(window, monkeypatch):
    opened = []
    monkeypatch.setattr(window.session, "open", lambda text, **_: opened.append(text))
    source = window.parts.left.source
    source.seed.setValue(7)
    source.buttons["synthetic"].click()
    window.parts.start.run_demo.click()
    source.address.setText("tcp://10.0.0.7:7777")
    source.buttons["network"].click()
    assert opened == ["synthetic:7", "synthetic:7", "tcp://10.0.0.7:7777"]
    assert (window.preferences.seed, window.preferences.address) == (7, "tcp://10.0.0.7:7777")
