"""Keyboard: the window's shortcuts, and the keys that a focused control keeps for itself."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QSlider, QWidget

from app.ui.actions import Actions
from app.ui.shortcuts import SHORTCUTS

PRESSING = frozenset({Qt.Key.Key_Space})
SLIDING = frozenset({Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End})


class KeyKeeper(QObject):
    """Lets a button that was tabbed to be pressed by Space, and a slider be moved by arrows.

    Without it the window's shortcuts would take these keys first. A click does not give buttons
    the focus, so that Space goes on to mean play and pause for those who use the mouse.
    """

    def keep(self, root: QWidget) -> None:
        """Do so for every control under ``root``."""
        for widget in root.findChildren(QWidget):
            if isinstance(widget, QAbstractButton | QSlider):
                widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                widget.installEventFilter(self)
            elif isinstance(widget, QAbstractSpinBox):
                widget.editingFinished.connect(widget.clearFocus)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            keys = PRESSING if isinstance(watched, QAbstractButton) else SLIDING
            if event.key() in keys and not event.modifiers():
                event.accept()
                return True
        return False


def add_shortcuts(window: QWidget, actions: Actions) -> None:
    """Let every key of the table do its action anywhere in the window."""
    for shortcut in SHORTCUTS:
        for key in shortcut.keys:
            QShortcut(QKeySequence(key), window, getattr(actions, shortcut.action))
