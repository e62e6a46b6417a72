"""MessageBar: one line under the top bar for what went wrong or is going on; details unfold."""

from __future__ import annotations

from collections import deque

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.controls import restyle, tool_button
from app.ui.theme import GRID, Theme, font

MAX_DETAILS = 50
ROLES = ("error", "warning", "note", "progress")


class MessageBar(QWidget):
    """Shows the newest message; hidden while there is none. ``Details`` lists all so far."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._role = "note"
        self._text = ""
        self._log: deque[str] = deque(maxlen=MAX_DETAILS)
        self.setObjectName("messageBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._icon, self._label = QLabel(), QLabel()
        self._label.setFont(font())
        self._label.setWordWrap(True)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.unfold = QPushButton("Details")
        self.unfold.setCheckable(True)
        self.unfold.setFont(font())
        self.unfold.setAccessibleName("Details of the message")
        self.dismiss = tool_button("Dismiss the message", "close", theme)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setAccessibleName("Messages so far")
        self.details.setFixedHeight(14 * GRID)
        self.details.hide()
        self._lay_out()
        self.unfold.toggled.connect(self._unfold)
        self.dismiss.clicked.connect(self.hide)
        self.hide()

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(GRID)
        line.addWidget(self._icon)
        line.addWidget(self._label, 1)
        line.addWidget(self.unfold)
        line.addWidget(self.dismiss)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, 4, GRID, 4)
        layout.setSpacing(4)
        layout.addLayout(line)
        layout.addWidget(self.details)

    @property
    def text(self) -> str:
        """The message that is shown; empty while hidden."""
        return "" if self.isHidden() else self._text

    @property
    def role(self) -> str:
        return self._role

    @property
    def icon_name(self) -> str:
        """The warning sign is for what went wrong."""
        return "warning" if self._role in ("error", "warning") else "information"

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        color = {"error": theme.error, "warning": theme.warning}.get(self._role, theme.accent)
        self._icon.setPixmap(icons.icon(self.icon_name, color).pixmap(16, 16))
        self.setStyleSheet(
            f"QWidget#messageBar {{ background: {theme.raised}; border-left: 4px solid {color};"
            f" border-bottom: 1px solid {theme.line}; }}"
        )

    def show_message(self, text: str, role: str = "error") -> None:
        """Show a message of one of ROLES; what happened and the cure in one sentence."""
        self._text, self._role = text, role
        self._log.append(text)
        self._label.setText(text)
        self._label.setToolTip(text)
        restyle(self._label, "message", role)
        self.details.setPlainText("\n".join(self._log))
        self.setAccessibleName(f"{role}: {text}")
        self.set_theme(self._theme)
        self.show()

    def _unfold(self, is_open: bool) -> None:
        self.details.setVisible(is_open)
        self.unfold.setText("Hide" if is_open else "Details")
