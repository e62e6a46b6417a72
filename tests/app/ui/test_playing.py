from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QPoint, Qt
from scripted_source import SENSOR, random_packets

from app.scene import PipelineState
from events.recordings.aedat4_writer import Aedat4Writer

RUNNING, PAUSED = PipelineState.RUNNING, PipelineState.PAUSED


def press(qtbot, window, text, modifiers=Qt.KeyboardModifier.NoModifier):
    key = {"Space": Qt.Key.Key_Space, "F9": Qt.Key.Key_F9, "F10": Qt.Key.Key_F10}.get(text)
    qtbot.keyClick(window, key if key is not None else text, modifiers)


def paused(qtbot, window):
    window.actions_.toggle_playing()
    qtbot.waitUntil(lambda: window.session.state is PAUSED)
    window.display.tick(None)
    return window


def test_space_pauses_and_plays_on(playing, qtbot):
    press(qtbot, playing, "Space")
    qtbot.waitUntil(lambda: playing.session.state is PAUSED)
    qtbot.waitUntil(lambda: playing.parts.transport.play.accessibleName() == "Play")
    press(qtbot, playing, "Space")
    qtbot.waitUntil(lambda: playing.session.state is RUNNING)


def test_the_button_says_what_it_does_in_every_state(playing, qtbot):
    play = playing.parts.transport.play
    assert play.accessibleName() == "Pause"  # it plays
    playing.parts.transport.loop.setChecked(False)
    playing.parts.transport.speed.pick(math.inf)
    qtbot.waitUntil(lambda: playing.session.state is PipelineState.ENDED, timeout=20_000)
    qtbot.waitUntil(lambda: play.accessibleName() == "Play")


def test_space_presses_a_button_that_was_tabbed_to(playing, qtbot):
    loop = playing.parts.transport.loop
    was_on = loop.isChecked()
    loop.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(loop, Qt.Key.Key_Space)
    assert loop.isChecked() is not was_on
    assert playing.session.state is RUNNING


def test_a_click_leaves_space_to_play_and_pause(playing, qtbot):
    qtbot.mouseClick(playing.parts.transport.loop, Qt.MouseButton.LeftButton)
    assert not playing.parts.transport.loop.hasFocus()


def test_step_moves_by_a_stride_and_pauses(playing, qtbot):
    paused(qtbot, playing)
    before_us = playing.session.stats().clock_us
    press(qtbot, playing, ".")
    qtbot.waitUntil(lambda: playing.session.stats().clock_us == before_us + 20_000)
    assert playing.session.state is PAUSED


def test_step_back_shows_an_earlier_stride(playing, qtbot):
    paused(qtbot, playing)
    playing.session.seek(10**15 + 1_000_000)
    qtbot.waitUntil(lambda: playing.session.stats().clock_us == 10**15 + 1_000_000)
    press(qtbot, playing, ",")
    qtbot.waitUntil(lambda: playing.session.stats().clock_us == 10**15 + 980_000)


def test_a_click_on_the_timeline_seeks_there(playing, qtbot):
    paused(qtbot, playing)
    timeline = playing.parts.transport.timeline
    middle = QPoint(timeline.width() // 2, timeline.height() - 10)
    qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=middle)
    wanted_us = timeline.time_at(middle.x())
    qtbot.waitUntil(lambda: abs(playing.session.stats().clock_us - wanted_us) < 20_000)
    assert abs(wanted_us - 10**15 - 1_000_000) < 20_000


def test_arrows_and_home_seek_and_are_clamped(playing, qtbot):
    paused(qtbot, playing)
    actions = playing.actions_
    actions.to_start()
    for _ in range(3):
        actions.far_forward()
    qtbot.waitUntil(lambda: playing.session.stats().clock_us > 10**15 + 1_900_000)
    actions.far_back()
    qtbot.waitUntil(lambda: playing.session.stats().clock_us < 10**15 + 100_000)


def test_speed_keys_change_the_source_s_speed(playing, qtbot):
    for key, speed in (("]", 2.0), ("]", 5.0), ("[", 2.0), ("\\", 1.0), ("[", 0.5)):
        press(qtbot, playing, key)
        assert playing.session.seekable.speed == speed
        assert playing.parts.transport.speed.value == speed


def test_the_speed_menu_goes_up_to_as_fast_as_inference(playing):
    playing.parts.transport.speed.pick(math.inf)
    assert playing.session.seekable.speed == math.inf
    assert playing.parts.transport.speed.text() == "max"
    playing.actions_.faster()
    assert playing.actions_.speed == math.inf


def test_loop_reaches_the_source(playing):
    playing.parts.transport.loop.setChecked(False)
    assert not playing.session.seekable.is_looping
    playing.parts.transport.loop.setChecked(True)
    assert playing.session.seekable.is_looping


def test_play_at_the_end_begins_again(playing, qtbot):
    playing.parts.transport.loop.setChecked(False)
    playing.parts.transport.speed.pick(math.inf)
    qtbot.waitUntil(lambda: playing.session.state is PipelineState.ENDED, timeout=20_000)
    playing.parts.transport.speed.pick(1.0)
    press(qtbot, playing, "Space")
    qtbot.waitUntil(lambda: playing.session.state is RUNNING)


@pytest.mark.parametrize("before", [RUNNING, PAUSED, PipelineState.ENDED])
def test_another_source_plays_whatever_the_one_before_it_did(playing, qtbot, tmp_path, before):
    with Aedat4Writer(tmp_path / "b.aedat4", SENSOR) as writer:
        for packet in random_packets(100, start_us=7_000_000):
            writer.write(packet)
    if before is PAUSED:
        paused(qtbot, playing)
    elif before is PipelineState.ENDED:
        playing.parts.transport.loop.setChecked(False)
        playing.actions_.to_end()
    qtbot.waitUntil(lambda: playing.session.state is before)
    playing.open(str(tmp_path / "b.aedat4"))
    qtbot.waitUntil(lambda: 7_100_000 < playing.session.stats().clock_us < 9_000_000)
    assert playing.session.state is RUNNING
    qtbot.waitUntil(lambda: playing.parts.top.title.text() == "b.aedat4 · 48×32")
    assert playing.parts.transport.play.accessibleName() == "Pause"
