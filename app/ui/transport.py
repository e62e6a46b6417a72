"""Transport: play, step, loop, speed, the timeline, and the record button."""

from __future__ import annotations

import math

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from app.ui import icons
from app.ui.controls import Picker, tool_button
from app.ui.rate_history import RateHistory
from app.ui.settings import SPEEDS
from app.ui.theme import GRID, TRANSPORT_HEIGHT, Theme, font
from app.ui.timeline import Timeline
from app.ui.units import speed_text, time_text


class Transport(QWidget):
    """The bottom bar."""

    play_asked = Signal()
    step_asked = Signal(int)
    """+1 or -1 strides."""
    loop_changed = Signal(bool)
    speed_changed = Signal(float)
    record_asked = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._total_us = 0
        self.setObjectName("transport")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(TRANSPORT_HEIGHT)
        self.step_back = tool_button(
            "Step back", "step_back", theme, tip="Step back by a stride (,)"
        )
        self.play = tool_button("Play", "play", theme, tip="Play or pause (Space)")
        self.play.setFixedSize(40, 40)
        self.play.setIconSize(QSize(20, 20))
        self.step_forward = tool_button(
            "Step forward", "step_forward", theme, tip="Step forward by a stride (.)"
        )
        self.loop = tool_button("Loop", "loop", theme, tip="Play in a loop (L)")
        self.loop.setCheckable(True)
        self.speed = Picker("Speed ([ slower, ] faster, \\ 1×)", theme)
        self.speed.set_choices(
            [(speed, speed_text(speed)) for speed in SPEEDS] + [(math.inf, "As fast as inference")],
            1.0,
        )
        self.speed.setFixedWidth(72)
        self.now, self.end = _time_label("Time"), _time_label("Duration")
        self.now.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.timeline = Timeline(theme)
        self.record = QPushButton(" Record")
        self.record.setAccessibleName("Record")
        self.record.setFont(font())
        self.record.setFixedWidth(112)
        self._lay_out()
        self._connect()
        self.set_theme(theme)
        self.show_stream(None, is_seekable=False)
        self.show_recording(None)

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(GRID, 0, GRID, 0)
        layout.setSpacing(4)
        for widget in (self.step_back, self.play, self.step_forward, self.loop, self.speed):
            layout.addWidget(widget)
        layout.addSpacing(GRID)
        layout.addWidget(self.now)
        layout.addWidget(self.timeline, 1)
        layout.addWidget(self.end)
        layout.addSpacing(GRID)
        layout.addWidget(self.record)

    def _connect(self) -> None:
        self.play.clicked.connect(self.play_asked)
        self.step_back.clicked.connect(lambda: self.step_asked.emit(-1))
        self.step_forward.clicked.connect(lambda: self.step_asked.emit(1))
        self.loop.toggled.connect(self.loop_changed)
        self.speed.picked.connect(self._pick_speed)
        self.record.clicked.connect(self.record_asked)

    def _pick_speed(self, speed: object) -> None:
        self.show_speed(float(str(speed)))
        self.speed_changed.emit(float(str(speed)))

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._show_record_icon(theme.error)

    def _show_record_icon(self, color: str) -> None:
        name = "stop" if self.record.property("is_on") else "record"
        self.record.setIcon(icons.icon(name, color, disabled=self._theme.line))

    # What is shown

    def show_stream(self, history: RateHistory | None, *, is_seekable: bool) -> None:
        """Show another stream, or none; what it cannot do is disabled."""
        self.timeline.show_stream(history, is_seekable)
        self._total_us = history.end_us - history.start_us if history and is_seekable else 0
        for control in (self.step_back, self.step_forward, self.loop, self.speed):
            control.setEnabled(is_seekable)
        self.play.setEnabled(history is not None)
        self.end.setText(time_text(self._total_us, total_us=self._total_us) if is_seekable else "")
        if history is not None and not is_seekable:
            self.end.setText("live")
        if history is None:
            self.now.setText("")

    def show_time(self, now_us: int, start_us: int) -> None:
        """Show where the stream is."""
        self.now.setText(time_text(now_us - start_us, total_us=self._total_us))
        self.timeline.show_time(now_us)

    def show_playing(self, is_playing: bool) -> None:
        """Show what the button will do."""
        name = "pause" if is_playing else "play"
        if self.play.property("icon_name") != name:
            self.play.setProperty("icon_name", name)
            self.play.setIcon(icons.icon(name, self._theme.text, disabled=self._theme.line))
            self.play.setAccessibleName("Pause" if is_playing else "Play")

    def show_speed(self, speed: float) -> None:
        """Show the speed; the long text of the fastest is for the menu."""
        self.speed.show_value(speed)
        self.speed.setText(speed_text(speed))

    def show_recording(self, elapsed_us: int | None, *, can_record: bool = False) -> None:
        """Show a recording under way by its length, or whether one could begin."""
        is_on = elapsed_us is not None
        self.record.setEnabled(is_on or can_record)
        self.record.setText(time_text(elapsed_us) if elapsed_us is not None else " Record")
        self.record.setToolTip(
            "Stop recording (Ctrl+R)"
            if is_on
            else "Record the stream as .aedat4 (Ctrl+R)"
            if can_record
            else "Record: waits for events to flow"
        )
        if self.record.property("is_on") != is_on:
            self.record.setProperty("is_on", is_on)
            self._show_record_icon(self._theme.error)


def _time_label(name: str) -> QLabel:
    label = QLabel()
    label.setFont(font())
    label.setAccessibleName(name)
    label.setFixedWidth(label.fontMetrics().horizontalAdvance("000:00.000") + 4)
    return label
