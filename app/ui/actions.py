"""Actions: what keys and buttons do; app.ui.shortcuts says which key does what."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from app.recorder import default_path
from app.ui.camera_dialog import CameraDialog, has_controls
from app.ui.settings import CHOICES, SPEEDS
from events.recordings.aedat4_writer import SUFFIX

if TYPE_CHECKING:
    from app.ui.window import MainWindow

SECOND_US = 1_000_000


class Actions:
    """One method for each action; also knows the playing speed."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._session = window.session
        self._parts = window.parts
        self.speed = 1.0
        """Event seconds per wall second; infinity is as fast as inference."""

    # Playing

    def toggle_playing(self) -> None:
        self._session.toggle_playing()

    def step_forward(self) -> None:
        self._session.step(1)

    def step_back(self) -> None:
        self._session.step(-1)

    def forward(self) -> None:
        self._move_by(1)

    def back(self) -> None:
        self._move_by(-1)

    def far_forward(self) -> None:
        self._move_by(10)

    def far_back(self) -> None:
        self._move_by(-10)

    def _move_by(self, seconds: int) -> None:
        self._session.seek(self._session.stats().clock_us + seconds * SECOND_US)

    def to_start(self) -> None:
        if self._session.seekable is not None:
            self._session.seek(self._session.seekable.start_us)

    def to_end(self) -> None:
        if self._session.seekable is not None:
            self._session.seek(self._session.seekable.end_us)

    def set_speed(self, speed: float) -> None:
        self.speed = speed
        self._session.set_speed(speed)
        self._parts.transport.show_speed(speed)

    def faster(self) -> None:
        self._change_speed(1)

    def slower(self) -> None:
        self._change_speed(-1)

    def _change_speed(self, direction: int) -> None:
        steps = (*SPEEDS, math.inf)
        place = steps.index(self.speed) + direction
        self.set_speed(steps[min(max(place, 0), len(steps) - 1)])

    def normal_speed(self) -> None:
        self.set_speed(1.0)

    def toggle_loop(self) -> None:
        self._parts.transport.loop.toggle()

    # View

    def next_view(self) -> None:
        views = CHOICES["view"]
        place = views.index(self._window.preferences.view) + 1
        self._parts.top.view.pick(views[place % len(views)])

    def toggle_tasks(self) -> None:
        """Show the events only, or all tasks again."""
        preferences = self._window.preferences
        top, card = self._parts.top, self._session.engine and self._session.engine.card
        shows_any = preferences.shows_segmentation or preferences.shows_depth
        if card and not card.tasks:
            shows_any = preferences.shows_tokens
        for check in (top.segmentation, top.depth_check, top.tokens):
            check.setChecked(not shows_any)

    def toggle_segmentation(self) -> None:
        self._parts.top.segmentation.toggle()

    def toggle_depth(self) -> None:
        self._parts.top.depth_check.toggle()

    def toggle_recognition(self) -> None:
        preferences = self._window.preferences
        self._window.prefer(shows_recognition=not preferences.shows_recognition)

    def toggle_tokens(self) -> None:
        self._parts.top.tokens.toggle()

    def toggle_hud(self) -> None:
        self._window.prefer(shows_hud=not self._window.preferences.shows_hud)

    def toggle_left(self) -> None:
        self._window.prefer(left_open=not self._window.preferences.left_open)

    def toggle_right(self) -> None:
        self._window.prefer(right_open=not self._window.preferences.right_open)

    def toggle_theme(self) -> None:
        self._window.set_theme("light" if self._window.preferences.theme == "dark" else "dark")

    def toggle_full_screen(self) -> None:
        if self._window.isFullScreen():
            self._window.showNormal()
        else:
            self._window.showFullScreen()

    def show_camera(self) -> None:
        """Show the camera's own settings, or say why there are none."""
        source = self._session.source
        if not has_controls(source):
            self._parts.messages.show_message(
                "no controls: only an open USB camera has contrast thresholds and biases", "note"
            )
            return
        CameraDialog(source, self._window).show()

    def toggle_sheet(self) -> None:
        self._parts.sheet.toggle()

    def escape(self) -> None:
        """Close the sheet, else drop the point, else leave full screen, else give up opening."""
        if not self._parts.sheet.isHidden():
            self._parts.sheet.hide()
        elif self._window.display.tokens.anchor is not None:
            self._window.display.tokens.drop_anchor()
        elif self._window.isFullScreen():
            self._window.showNormal()
        elif self._parts.pages.currentWidget() is self._parts.start and self._session.text:
            self._session.close()
            self._window.display.show_source()

    # Files

    def ask_recording(self) -> None:
        self._window.ask_recording()

    def toggle_recording(self) -> None:
        """Ask where to record to, and begin; or stop."""
        session = self._session
        if session.recording is not None:
            session.stop_recording()
            return
        if not self._window.display.can_record or session.source is None:
            return
        folder = Path(self._window.preferences.last_folder or Path.home())
        suggested = default_path(session.source.name, folder)
        chosen, _ = QFileDialog.getSaveFileName(
            self._window, "Record to", str(suggested), f"AEDAT 4 (*{SUFFIX})"
        )
        if chosen:
            path = Path(chosen).with_suffix(SUFFIX)
            # the dialog asked before replacing what was chosen, and no other file
            session.start_recording(path, overwrite=str(path) == chosen)

    def focus_filters(self) -> None:
        self._window.prefer(left_open=True)
        next(iter(self._parts.left.filters.values())).setFocus()

    def close(self) -> None:
        self._window.close()
