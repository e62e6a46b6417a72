"""Every text in a menu means what it says: chosen as a user does, by its words."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from app.colormaps import COLORMAPS
from app.ui.settings import CHOICES, RANGES, SPEEDS

VIEWS = {"Decaying surface": "surface", "Accumulated": "accumulated", "Voxel bins": "voxel"}
PROVIDERS = {"Automatic": "auto", "CPU": "cpu", "CUDA": "cuda", "TensorRT": "tensorrt"}


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
        assert len(window.session.filters) == 1
        kind = type(window.session.filters[0]).__name__.lower()
        assert name.replace("_", "").replace(" ", "")[:6] in kind
        box.click()
        assert window.preferences.filters == ()


@pytest.mark.parametrize("key", ["length_ms", "stride_ms", "length_events", "decay_ms"])
def test_a_number_applies_at_once_by_keys_and_wheel(window, qtbot, key):
    left = window.parts.left
    left.windows.unit.pick("events" if key.endswith("_events") else "time")
    field = {**left.windows.fields, "decay_ms": left.decay}[key]
    before = getattr(window.preferences, key)
    qtbot.keyClick(field, Qt.Key.Key_Up)
    after_key = getattr(window.preferences, key)
    assert after_key == before + RANGES[key].step
    middle = QPointF(field.rect().center())
    wheel = QWheelEvent(
        middle, QPointF(field.mapToGlobal(middle)), QPoint(), QPoint(0, 120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase,
        False,
    )  # fmt: skip
    QApplication.sendEvent(field, wheel)
    assert getattr(window.preferences, key) == after_key + RANGES[key].step == field.value()
