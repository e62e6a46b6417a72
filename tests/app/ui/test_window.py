from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QFontMetrics
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QSlider,
)
from wrapped_engine import WrappedEngine

from app.engines import BACKENDS, load_engine
from app.scene import PipelineState
from app.ui import settings as store
from app.ui.shortcuts import SHORTCUTS, TEXT_WIDTH
from app.ui.theme import font
from events.recordings.open import open_recording

RUNNING, PAUSED = PipelineState.RUNNING, PipelineState.PAUSED


def press(qtbot, window, text, modifiers=Qt.KeyboardModifier.NoModifier):
    key = {"Space": Qt.Key.Key_Space, "F9": Qt.Key.Key_F9, "F10": Qt.Key.Key_F10}.get(text)
    qtbot.keyClick(window, key if key is not None else text, modifiers)


def paused(qtbot, window):
    window.actions_.toggle_playing()
    qtbot.waitUntil(lambda: window.session.state is PAUSED)
    window.display.tick(None)
    return window


def picture(window):
    window.tick()
    return window.parts.picture.pixels.copy()


def test_the_empty_window_offers_three_ways_to_begin(window):
    start = window.parts.start
    assert window.parts.pages.currentWidget() is start
    for button in (start.open_recording, start.connect_camera, start.run_demo):
        assert button.isVisible()
    assert not window.parts.transport.record.isEnabled()


def test_a_recording_shows_events_predictions_and_figures(playing, qtbot):
    parts = playing.parts
    assert parts.pages.currentWidget() is parts.stage
    assert parts.top.title.text() == "edge.aedat4 · 48×32"
    assert parts.picture.pixels.shape == (32, 48, 3)
    qtbot.waitUntil(lambda: len(parts.right.bars.scores) == 5)
    qtbot.waitUntil(lambda: len(parts.right.legend.shares) > 0)
    qtbot.waitUntil(lambda: parts.right.depth_view.pixels is not None)
    qtbot.waitUntil(lambda: "kev/s" in parts.hud.fields["rate"].value.text())
    assert "CPU" in parts.top.badge.text()
    assert parts.top.engine.text() == "tiny"
    assert parts.right.range_m == (0.5, 20.0)


def test_every_view_draws_another_picture(playing, qtbot):
    paused(qtbot, playing)
    qtbot.wait(100)
    pictures = []
    for _ in range(3):
        pictures.append(picture(playing))
        press(qtbot, playing, "c")
    assert playing.preferences.view == "surface"
    assert len({(image.shape, image.tobytes()) for image in pictures}) == 3


def test_the_overlay_is_off_limits_in_the_voxel_view(playing):
    playing.parts.top.view.pick("voxel")
    assert not playing.parts.top.opacity.isEnabled()
    playing.parts.top.view.pick("surface")
    assert playing.parts.top.opacity.isEnabled()


def test_segmentation_and_opacity_change_the_picture(playing, qtbot):
    paused(qtbot, playing)
    qtbot.wait(100)
    playing.parts.top.opacity.setValue(100)
    solid = picture(playing)
    playing.parts.top.opacity.setValue(40)
    assert playing.parts.top.percent.text() == "40 %"
    faint = picture(playing)
    press(qtbot, playing, "2")
    without = picture(playing)
    assert not np.array_equal(solid, faint)
    assert not np.array_equal(faint, without)
    assert not playing.parts.right.classes_section.isVisible()


def test_decay_changes_the_surface(playing, qtbot):
    paused(qtbot, playing)
    playing.parts.top.segmentation.setChecked(False)
    playing.parts.left.decay.setValue(5)
    short = picture(playing)
    playing.parts.left.decay.setValue(500)
    assert picture(playing).astype(int).sum() > short.astype(int).sum()


def test_depth_can_be_hidden_and_its_colours_changed(playing, qtbot):
    right = playing.parts.right
    qtbot.waitUntil(lambda: right.depth_view.pixels is not None)
    paused(qtbot, playing)
    qtbot.wait(100)
    turbo = right.depth_view.pixels.copy()
    right.map_picker.pick("viridis")
    playing.tick()
    assert not np.array_equal(right.depth_view.pixels, turbo)
    press(qtbot, playing, "3")
    assert not right.depth_section.isVisible()
    press(qtbot, playing, "4")
    assert not right.recognition_section.isVisible()
    press(qtbot, playing, "1")
    assert right.depth_section.isVisible() is playing.preferences.shows_depth


def test_window_length_and_stride_reach_the_pipeline(playing, qtbot):
    left = playing.parts.left
    left.windows.fields["length_ms"].setValue(30)
    left.windows.fields["stride_ms"].setValue(10)
    windows = playing.session._pipeline.windows
    assert (windows.length_us, windows.stride_us) == (30_000, 10_000)
    assert left.windows.suggested.isVisible()
    qtbot.mouseClick(left.windows.suggested, Qt.MouseButton.LeftButton)
    windows = playing.session._pipeline.windows
    assert (windows.length_us, windows.stride_us) == (50_000, 20_000)
    assert not left.windows.suggested.isVisible()


def windows_of(window):
    windows = window.session._pipeline.windows
    return windows.length_us, windows.stride_us


@pytest.fixture
def make_playing(make_window, qtbot, recording, tiny_engine, monkeypatch):
    """A function that plays the recording through an engine of 33.333 and 11.111 ms."""

    class Odd(WrappedEngine):
        @property
        def card(self):
            return replace(super().card, window_us=33_333, stride_us=11_111)

    def make(**preferences):
        window = make_window(**preferences)
        monkeypatch.setattr(
            window.session._loader, "_load", lambda *_: Odd(load_engine(tiny_engine, "cpu"))
        )
        window.load_engine()
        window.open(str(recording))
        qtbot.waitUntil(lambda: window.session.engine is not None, timeout=20_000)
        window.tick()
        return window

    return make


def test_windows_are_the_engine_s_own_unless_the_user_chose_others(make_playing, qtbot):
    window = make_playing()
    left = window.parts.left
    assert windows_of(window) == (33_333, 11_111)  # as `run` cuts them
    assert (left.windows.fields["length_ms"].value(), left.windows.fields["stride_ms"].value()) == (
        33.3,
        11.1,
    )
    assert not left.windows.suggested.isVisible()
    left.windows.fields["stride_ms"].setValue(20)
    assert windows_of(window) == (33_300, 20_000)
    assert left.windows.suggested.isVisible()
    qtbot.mouseClick(left.windows.suggested, Qt.MouseButton.LeftButton)
    assert windows_of(window) == (33_333, 11_111)
    assert window.preferences.uses_engine_window


def test_a_window_that_was_chosen_before_stays_and_the_engine_s_is_offered(make_playing):
    window = make_playing(uses_engine_window=False, length_ms=40.0, stride_ms=10.0)
    left = window.parts.left
    assert windows_of(window) == (40_000, 10_000)
    assert (left.windows.fields["length_ms"].value(), left.windows.fields["stride_ms"].value()) == (
        40.0,
        10.0,
    )
    assert left.windows.suggested.isVisible()
    window.parts.top.engine_picked.emit("none")
    window.tick()
    assert not left.windows.suggested.isVisible()


@pytest.mark.parametrize("name", ["background", "refractory", "hot_pixels"])
def test_each_filter_is_applied_and_says_what_it_removes(playing, qtbot, name):
    left = playing.parts.left
    qtbot.waitUntil(lambda: left.removal[name].text().endswith("%"))
    left.filters[name].click()
    assert playing.preferences.filters == (name,)
    [step] = playing.session.filters
    qtbot.waitUntil(lambda: step.num_seen > 0)
    if name == "background":
        qtbot.waitUntil(lambda: step.num_removed > 0)
        qtbot.waitUntil(lambda: left.removal[name].text().startswith("−"))
    left.filters[name].click()
    assert playing.session.filters == ()


def test_a_filter_outlives_another_one_s_switch_and_no_change_of_source(playing, qtbot, recording):
    boxes = playing.parts.left.filters
    boxes["hot_pixels"].click()
    [hot] = playing.session.filters
    qtbot.waitUntil(lambda: hot.num_seen > 0)
    boxes["background"].click()
    assert playing.session.filters[1:] == (hot,)
    boxes["background"].click()
    assert playing.session.filters == (hot,)
    boxes["hot_pixels"].click()
    boxes["hot_pixels"].click()
    [again] = playing.session.filters
    assert again is not hot  # switched off, it forgets
    assert again.config == hot.config
    hot = again
    playing.open(str(recording))
    [anew] = playing.session.filters
    assert anew is not hot
    assert anew.config == hot.config


def test_ctrl_f_leads_to_the_filters(playing):
    playing.actions_.toggle_left()
    playing.actions_.focus_filters()
    assert playing.parts.left.isVisible()


def test_panels_fold_and_unfold(window, qtbot):
    for key, panel in (("F9", window.parts.left), ("F10", window.parts.right)):
        press(qtbot, window, key)
        assert not panel.isVisible()
        press(qtbot, window, key)
        assert panel.isVisible()


def test_the_hud_can_be_hidden(playing, qtbot):
    press(qtbot, playing, "o")
    assert not playing.parts.hud.isVisible()


def test_the_sheet_lists_the_keys_and_esc_closes_it(window, qtbot):
    window.actions_.toggle_sheet()
    assert window.parts.sheet.isVisible()
    assert not window.parts.sheet.grab().toImage().isNull()
    window.actions_.escape()
    assert not window.parts.sheet.isVisible()


def test_the_theme_changes_colours_at_once(window):
    before = window.grab().toImage().pixelColor(300, 300)
    window.actions_.toggle_theme()
    after = window.grab().toImage().pixelColor(300, 300)
    assert after.lightness() > before.lightness() + 100


def test_full_screen_and_back(window, qtbot):
    window.actions_.toggle_full_screen()
    qtbot.waitUntil(window.isFullScreen)
    window.actions_.escape()
    qtbot.waitUntil(lambda: not window.isFullScreen())


def test_a_missing_file_is_said_and_leaves_the_window_alive(window, qtbot, tmp_path):
    window.open(str(tmp_path / "nothing.aedat4"))
    qtbot.waitUntil(lambda: "nothing.aedat4" in window.parts.messages.text)
    assert window.parts.messages.role == "error"
    qtbot.mouseClick(window.parts.messages.unfold, Qt.MouseButton.LeftButton)
    assert "nothing.aedat4" in window.parts.messages.details.toPlainText()
    qtbot.mouseClick(window.parts.messages.dismiss, Qt.MouseButton.LeftButton)
    assert window.parts.messages.text == ""


def test_a_broken_engine_is_said_and_none_is_pretended(make_window, qtbot, tmp_path):
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"garbage")
    window = make_window()
    window.parts.top.engine_picked.emit(str(bad))
    qtbot.waitUntil(lambda: "bad.onnx" in window.parts.messages.text, timeout=10_000)
    assert window.session.engine is None
    qtbot.waitUntil(lambda: window.parts.top.engine.text() == "No engine")
    assert window.parts.messages.role == "error"
    assert window.parts.messages.details.toPlainText().count("bad.onnx") == 1


def test_the_engine_can_be_taken_away(playing, qtbot):
    playing.parts.top.engine_picked.emit("none")
    qtbot.waitUntil(lambda: playing.parts.top.engine.text() == "No engine")
    assert playing.session.engine is None


def test_a_provider_that_is_not_there_is_said(playing, qtbot):
    playing.parts.top.provider_picked.emit("tensorrt")
    messages = playing.parts.messages
    qtbot.waitUntil(lambda: "TensorRT" in messages.text, timeout=10_000)
    assert "running on the CPU" in messages.text
    assert messages.role == "warning"
    qtbot.waitUntil(lambda: playing.parts.top.badge.text().startswith("CPU"))
    assert playing.session.engine.provider == "CPU"


def drop(window, path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(600, 400),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)


def test_a_dropped_file_is_opened(window, qtbot, recording):
    drop(window, recording)
    qtbot.waitUntil(lambda: window.session.state is RUNNING)
    assert window.preferences.recent == (str(recording),)


@pytest.mark.parametrize("suffix", BACKENDS)
def test_a_dropped_engine_is_loaded_and_the_dialog_offers_it(window, tmp_path, monkeypatch, suffix):
    asked, offered = [], []
    monkeypatch.setattr(window.session, "request_engine", lambda path, name: asked.append(path))
    path = tmp_path / f"mine{suffix}"
    drop(window, path)
    assert asked == [path]
    assert window.session.state is PipelineState.IDLE

    def choose(parent, title, folder, kinds):
        offered.append(kinds)
        return "", ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    window.parts.top.engine_picked.emit("ask")
    assert f"*{suffix}" in offered[0].split(";;")[0]


def test_a_dropped_file_whose_sensor_is_guessed_says_so_each_time(window, qtbot, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("".join(f"0.{i:03} {i % 50} {i % 40} 1\n" for i in range(100)))
    for _ in range(2):
        drop(window, path)
        qtbot.waitUntil(lambda: "128x128 is guessed" in window.parts.messages.text)
        assert "--sensor WxH" in window.parts.messages.text
        assert window.parts.messages.role == "warning"


def test_a_dropped_file_without_events_or_size_names_the_cure(window, qtbot, tmp_path):
    path = tmp_path / "empty.raw"
    path.write_bytes(b"% evt 3.0\n% end\n")
    drop(window, path)
    qtbot.waitUntil(lambda: "--sensor WxH" in window.parts.messages.text)
    assert window.parts.messages.role == "error"


def test_the_open_dialog_opens_what_was_chosen(window, qtbot, recording, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(recording), ""))
    qtbot.mouseClick(window.parts.start.open_recording, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.state is RUNNING)
    assert window.parts.left.source.buttons["recording"].isChecked()


def cancel_the_dialog(window, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    window.parts.left.source.buttons["recording"].click()


def type_an_address_that_is_none(window, monkeypatch):
    window.parts.left.source.address.setText("tcp://nowhere")
    window.parts.left.source.buttons["network"].click()


def type_no_address(window, monkeypatch):
    window.parts.left.source.address.setText("")
    window.parts.left.source.buttons["network"].click()


@pytest.mark.parametrize(
    "give_up", [cancel_the_dialog, type_an_address_that_is_none, type_no_address]
)
def test_what_opens_nothing_leaves_the_stream_on_screen(playing, qtbot, monkeypatch, give_up):
    parts, source = playing.parts, playing.session.source
    paused(qtbot, playing)
    before = picture(playing)
    give_up(playing, monkeypatch)
    assert playing.session.source is source
    assert parts.pages.currentWidget() is parts.stage
    assert parts.top.title.text() == "edge.aedat4 · 48×32"
    assert np.array_equal(parts.picture.pixels, before)
    assert parts.left.source.buttons["recording"].isChecked()
    assert not parts.left.source.buttons["network"].isChecked()


def test_a_recording_made_in_the_window_can_be_read(playing, qtbot, tmp_path, monkeypatch):
    path = tmp_path / "made.aedat4"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    record = playing.parts.transport.record
    qtbot.waitUntil(record.isEnabled)
    qtbot.mouseClick(record, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: playing.session.recording.num_events > 0)
    qtbot.waitUntil(lambda: record.text().endswith(" s"))
    qtbot.mouseClick(record, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "recorded" in playing.parts.messages.text)
    assert playing.parts.messages.role == "note"
    with open_recording(path) as made:
        assert sum(len(packet) for packet in made.packets()) > 0


def test_closing_while_recording_leaves_a_readable_file(playing, qtbot, tmp_path):
    path = tmp_path / "closed.aedat4"
    assert playing.session.start_recording(path)
    recording = playing.session.recording
    qtbot.waitUntil(lambda: recording.num_events > 0)
    playing.close()
    with open_recording(path) as made:
        assert sum(len(packet) for packet in made.packets()) == recording.num_events


def test_the_preferences_survive_a_restart(make_window, qtbot, recording):
    first = make_window()
    first.parts.top.opacity.setValue(35)
    first.parts.top.view.pick("accumulated")
    first.parts.left.windows.fields["length_ms"].setValue(33)
    first.open(str(recording))
    first.close()
    read, notes = store.load(store.open_settings())
    assert notes == []
    assert (read.opacity, read.view, read.length_ms) == (0.35, "accumulated", 33.0)
    assert not read.uses_engine_window
    assert read.recent == (str(recording),)
    assert read == replace(first.preferences)


def test_every_control_has_a_name_and_can_be_tabbed_to(playing):
    kinds = (QAbstractButton, QSlider, QAbstractSpinBox, QLineEdit)
    controls = [widget for kind in kinds for widget in playing.parts.root.findChildren(kind)]
    for widget in controls:
        if widget.objectName() == "qt_spinbox_lineedit":
            continue
        assert widget.accessibleName(), f"{widget} has no accessible name"
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus, widget.accessibleName()


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_no_text_is_clipped(playing, qtbot, size):
    def clipped():
        return [
            label.text()
            for label in playing.findChildren(QLabel)
            if label.isVisible()
            and not label.wordWrap()
            and label.width() < label.fontMetrics().horizontalAdvance(label.text())
        ]

    playing.resize(*size)
    qtbot.wait(50)
    qtbot.waitUntil(lambda: not clipped())  # a text that just changed waits for its layout


def test_every_key_of_the_sheet_has_an_action_and_fits(window):
    for shortcut in SHORTCUTS:
        assert callable(getattr(window.actions_, shortcut.action))
        assert QFontMetrics(font(10.0)).horizontalAdvance(shortcut.text) <= TEXT_WIDTH
    keys = [key for shortcut in SHORTCUTS for key in shortcut.keys]
    assert len(set(keys)) == len(keys)
