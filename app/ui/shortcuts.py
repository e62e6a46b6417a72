"""The keyboard: one table of what every key does, and the sheet that shows it."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.ui.theme import GRID, Theme, font


@dataclass(frozen=True, slots=True)
class Shortcut:
    """Keys for one action; ``action`` names a method of app.ui.actions.Actions."""

    action: str
    keys: tuple[str, ...]
    text: str
    group: str


SHORTCUTS = (
    Shortcut("toggle_playing", ("Space",), "Play or pause", "Playing"),
    Shortcut("step_forward", (".", "Shift+Right"), "Step forward by a stride", "Playing"),
    Shortcut("step_back", (",", "Shift+Left"), "Step back by a stride", "Playing"),
    Shortcut("forward", ("Right",), "Forward 1 s", "Playing"),
    Shortcut("back", ("Left",), "Back 1 s", "Playing"),
    Shortcut("far_forward", ("Ctrl+Right",), "Forward 10 s", "Playing"),
    Shortcut("far_back", ("Ctrl+Left",), "Back 10 s", "Playing"),
    Shortcut("to_start", ("Home",), "To the start", "Playing"),
    Shortcut("to_end", ("End",), "To the end", "Playing"),
    Shortcut("faster", ("]",), "Faster", "Playing"),
    Shortcut("slower", ("[",), "Slower", "Playing"),
    Shortcut("normal_speed", ("\\",), "Speed 1×", "Playing"),
    Shortcut("toggle_loop", ("L",), "Loop on or off", "Playing"),
    Shortcut("next_view", ("C",), "Next event view", "View"),
    Shortcut("toggle_tasks", ("1",), "Events only / all tasks", "View"),
    Shortcut("toggle_segmentation", ("2",), "Segmentation on or off", "View"),
    Shortcut("toggle_depth", ("3",), "Depth on or off", "View"),
    Shortcut("toggle_recognition", ("4",), "Recognition on or off", "View"),
    Shortcut("toggle_tokens", ("5",), "Tokens on or off", "View"),
    Shortcut("toggle_hud", ("O",), "Figures on or off", "View"),
    Shortcut("toggle_left", ("F9",), "Left panel", "View"),
    Shortcut("toggle_right", ("F10",), "Right panel", "View"),
    Shortcut("toggle_theme", ("Ctrl+T",), "Dark or light", "View"),
    Shortcut("toggle_full_screen", ("F11",), "Full screen (Esc leaves)", "View"),
    Shortcut("ask_recording", ("Ctrl+O",), "Open a recording", "Files"),
    Shortcut("toggle_recording", ("Ctrl+R",), "Record, stop recording", "Files"),
    Shortcut("focus_filters", ("Ctrl+F",), "To the filters", "Files"),
    Shortcut("show_camera", ("Ctrl+B",), "Camera controls, biases", "Files"),
    Shortcut("toggle_sheet", ("F1", "?"), "This sheet", "Files"),
    Shortcut("close", ("Ctrl+Q",), "Quit", "Files"),
    Shortcut("escape", ("Esc",), "Close, drop the point", "Files"),
)

_ROW, _KEY_WIDTH, _COLUMN = 26, 116, 340
TEXT_WIDTH = _COLUMN - _KEY_WIDTH - 4 * GRID
"""Pixels that an action's text may take."""


class ShortcutSheet(QWidget):
    """Covers the window with the table of keys; any click or Esc closes it."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setAccessibleName("Keyboard shortcuts")
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def toggle(self) -> None:
        """Show or hide the sheet."""
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.setVisible(self.isHidden())
        self.raise_()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Escape:
            self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter, theme = QPainter(self), self._theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = QColor(theme.background)
        veil.setAlpha(215)
        painter.fillRect(self.rect(), veil)
        groups = {shortcut.group: [] for shortcut in SHORTCUTS}  # type: dict[str, list[Shortcut]]
        for shortcut in SHORTCUTS:
            groups[shortcut.group].append(shortcut)
        num_rows = max(len(group) for group in groups.values()) + 1
        width = len(groups) * _COLUMN + 2 * GRID
        height = num_rows * _ROW + 4 * GRID
        card = QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)
        painter.setPen(QPen(QColor(theme.line), 1))
        painter.setBrush(QColor(theme.panel))
        painter.drawRoundedRect(card, 8, 8)
        for i, (group, shortcuts) in enumerate(groups.items()):
            left, top = card.left() + 3 * GRID + i * _COLUMN, card.top() + 2 * GRID
            painter.setFont(font(9.0, bold=True))
            painter.setPen(QColor(theme.secondary))
            painter.drawText(QRectF(left, top, _COLUMN, _ROW), group.upper())
            for j, shortcut in enumerate(shortcuts):
                area = QRectF(left, top + (j + 1) * _ROW, _COLUMN - 3 * GRID, _ROW)
                self._paint_row(painter, area, shortcut)

    def _paint_row(self, painter: QPainter, area: QRectF, shortcut: Shortcut) -> None:
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(font(9.0))
        x = area.left()
        for key in shortcut.keys:
            width = painter.fontMetrics().horizontalAdvance(key) + 12
            if x + width > area.left() + _KEY_WIDTH:
                break
            box = QRectF(x, area.top() + 3, width, area.height() - 6)
            painter.setPen(QPen(QColor(self._theme.line), 1))
            painter.setBrush(QColor(self._theme.raised))
            painter.drawRoundedRect(box, 3, 3)
            painter.setPen(QColor(self._theme.text))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, key)
            x += width + 4
        painter.setFont(font(10.0))
        painter.drawText(area.adjusted(_KEY_WIDTH + GRID, 0, GRID, 0), middle, shortcut.text)
