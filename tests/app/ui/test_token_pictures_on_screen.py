"""An encoder without heads in the window: its tokens in colours, and clicks in the picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.render import Image
from app.scene import PipelineState
from app.ui.window import MainWindow

Left, Right = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


@pytest.fixture
def bare(
    make_window: Callable[..., MainWindow], qtbot: QtBot, recording: Path, bare_engine: Path
) -> MainWindow:
    """A window in which the recording is paused, with tokens."""
    window = make_window()
    window.prefer(engine=str(bare_engine))
    window.load_engine()
    window.open(str(recording))
    qtbot.waitUntil(lambda: window.display.has_shown_prediction, timeout=20_000)
    window.session.toggle_playing()
    qtbot.waitUntil(lambda: window.session.state is PipelineState.PAUSED)
    qtbot.wait(100)
    return window


def image_of(window: MainWindow) -> Image:
    window.tick()
    pixels = window.parts.picture.pixels
    assert pixels is not None
    return pixels.copy()


def click(window: MainWindow, x: int, y: int, button: Qt.MouseButton = Left) -> None:
    """Press on the middle of a pixel of the picture."""
    picture = window.parts.picture
    place = picture.place_of((x, y)).toPoint()
    QTest.mouseClick(picture, button, Qt.KeyboardModifier.NoModifier, place)


def point_at(window: MainWindow, x: int, y: int) -> None:
    picture = window.parts.picture
    place = picture.place_of((x, y))
    none = Qt.KeyboardModifier.NoModifier
    at = QPointF(picture.mapToGlobal(place))
    move = QMouseEvent(QEvent.Type.MouseMove, place, at, Qt.MouseButton.NoButton, Left, none)
    QApplication.sendEvent(picture, move)


def test_tokens_lie_in_colours_over_the_events(bare: MainWindow) -> None:
    shown = image_of(bare)
    bare.parts.top.tokens.setChecked(False)
    events = image_of(bare)
    assert shown.shape == events.shape == (32, 48, 3)
    assert (shown != events).any(axis=2).mean() > 0.9
    legend = bare.parts.right.token_legend
    assert legend.sizes == (24, 8, 12)
    assert legend.likeness is None
    assert legend.words()[0] == "Principal components as colours"
    QTest.keyClick(bare, Qt.Key.Key_5)
    assert np.array_equal(image_of(bare), shown)
    bare.parts.top.opacity.setValue(100)
    assert not np.array_equal(image_of(bare), shown)


def test_controls_of_tasks_that_the_engine_lacks_give_way_to_the_tokens(
    bare: MainWindow, tiny_engine: Path, qtbot: QtBot
) -> None:
    top, right = bare.parts.top, bare.parts.right
    assert top.tokens.isVisible()
    assert not top.segmentation.isVisible()
    assert not top.depth_check.isVisible()
    assert right.tokens_section.isVisible()
    for section in (right.recognition_section, right.classes_section, right.depth_section):
        assert not section.isVisible()
    bare.prefer(engine=str(tiny_engine))
    bare.load_engine()
    qtbot.waitUntil(lambda: top.engine.text() == "tiny", timeout=20_000)
    assert not top.tokens.isVisible()
    assert top.segmentation.isEnabled()
    assert right.depth_section.isVisible()
    assert not right.tokens_section.isVisible()


def test_a_click_shows_the_likeness_to_its_point_and_a_click_elsewhere_moves_it(
    bare: MainWindow,
) -> None:
    components = image_of(bare)
    click(bare, 10, 20)
    first = image_of(bare)
    assert bare.display.tokens.anchor == bare.parts.picture.mark == (10, 20)
    likeness = bare.parts.right.token_legend.likeness
    assert likeness is not None
    assert likeness.anchor == (10, 20)
    assert -1 <= likeness.low < likeness.high <= 1
    assert not np.array_equal(first, components)
    click(bare, 40, 4)
    moved = image_of(bare)
    assert bare.parts.picture.mark == (40, 4)
    assert not np.array_equal(moved, first)


@pytest.mark.parametrize("way", ["escape", "right click"])
def test_the_point_goes_and_components_return(bare: MainWindow, way: str) -> None:
    components = image_of(bare)
    click(bare, 10, 20)
    assert not np.array_equal(image_of(bare), components)
    if way == "escape":
        QTest.keyClick(bare, Qt.Key.Key_Escape)
    else:
        click(bare, 30, 30, Right)
    assert np.array_equal(image_of(bare), components)
    assert bare.parts.picture.mark is None
    assert bare.parts.picture.readout == ""


def test_the_value_under_the_cursor_is_the_maps(bare: MainWindow) -> None:
    point_at(bare, 10, 20)
    assert bare.parts.picture.readout == ""
    click(bare, 10, 20)
    image_of(bare)
    likeness = bare.parts.right.token_legend.likeness
    assert likeness is not None
    assert likeness.at_cursor is not None
    near = likeness.at_cursor
    point_at(bare, 45, 2)
    likeness = bare.parts.right.token_legend.likeness
    assert likeness is not None
    assert likeness.at_cursor is not None
    assert likeness.low <= likeness.at_cursor < near
    assert float(bare.parts.picture.readout.replace("−", "-")) == pytest.approx(
        likeness.at_cursor, abs=0.006
    )


def test_a_click_beside_the_picture_is_no_point(bare: MainWindow) -> None:
    bare.resize(1600, 800)
    picture = bare.parts.picture
    image_of(bare)
    area = picture.picture_area()
    beside = area.topLeft() / 2
    assert not area.contains(beside)
    QTest.mouseClick(picture, Left, Qt.KeyboardModifier.NoModifier, beside)
    assert bare.display.tokens.anchor is None
    for pixel in ((0, 0), (47, 31), (23, 8)):
        assert picture.pixel_at(picture.place_of(pixel)) == pixel


def test_the_point_stays_while_playing_and_after_a_seek_and_goes_with_the_source(
    bare: MainWindow, qtbot: QtBot, recording: Path
) -> None:
    click(bare, 10, 20)
    before = image_of(bare)
    seekable = bare.session.seekable
    assert seekable is not None
    bare.session.seek(seekable.start_us + 1_000_000)
    qtbot.waitUntil(lambda: not np.array_equal(image_of(bare), before))
    assert bare.parts.picture.mark == (10, 20)
    bare.session.toggle_playing()
    qtbot.waitUntil(lambda: bare.session.stats().clock_us > seekable.start_us + 1_100_000)
    assert bare.parts.picture.mark == (10, 20)
    bare.open(str(recording))
    assert bare.display.tokens.anchor is None
    assert bare.parts.picture.mark is None


def test_bins_take_no_points(bare: MainWindow) -> None:
    click(bare, 10, 20)
    bare.parts.top.view.pick("voxel")
    image_of(bare)
    assert bare.parts.picture.mark is None
    assert not bare.parts.top.tokens.isEnabled()
    click(bare, 20, 20)
    assert bare.display.tokens.anchor == (10, 20)


def test_stretching_and_another_colour_map_change_the_likeness(bare: MainWindow) -> None:
    click(bare, 10, 20)
    stretched = image_of(bare)
    bare.parts.right.stretch.setChecked(False)
    fixed = image_of(bare)
    bare.parts.right.token_map_picker.pick("viridis")
    assert not np.array_equal(stretched, fixed)
    assert not np.array_equal(fixed, image_of(bare))
