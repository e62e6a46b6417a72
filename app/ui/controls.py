"""Small controls in one look: check box, picker with a menu, number field, heads and rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from app.ui import icons
from app.ui.settings import Range
from app.ui.theme import GRID, Theme, font


class Check(QCheckBox):
    """A check box with a drawn tick."""

    def __init__(self, text: str, theme: Theme) -> None:
        super().__init__(text)
        self._theme = theme
        self.setAccessibleName(text)
        self.setFont(font())

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(16 + GRID + self.fontMetrics().horizontalAdvance(self.text()) + 6, 24)

    def hitButton(self, position: object) -> bool:  # noqa: N802
        return True

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(1.5, (self.height() - 15) / 2, 15, 15)
        is_on, is_enabled = self.isChecked(), self.isEnabled()
        fill = QColor(theme.accent if is_on and is_enabled else theme.raised)
        edge = QColor(theme.accent if is_on and is_enabled else theme.line)
        if self.hasFocus():
            edge = QColor(theme.text if is_on else theme.accent)
        elif self.underMouse() and is_enabled and not is_on:
            edge = QColor(theme.secondary)
        painter.setPen(QPen(edge, 1.5 if self.hasFocus() else 1))
        painter.setBrush(fill)
        painter.drawRoundedRect(box, 3, 3)
        if is_on:
            ink = QColor(theme.on_accent if is_enabled else theme.secondary)
            icons.draw("check", painter, box.adjusted(1, 1, -1, -1), ink)
        painter.setPen(QColor(theme.text if is_enabled else theme.secondary))
        area = self.rect().adjusted(16 + GRID, 0, 0, 0)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, self.text())


class Picker(QToolButton):
    """A button that shows one of several choices and opens a menu of them."""

    picked = Signal(object)

    def __init__(self, name: str, theme: Theme) -> None:
        super().__init__()
        self._name = name
        self._theme = theme
        self._labels: dict[object, str] = {}
        self._value: object = None
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setLayoutDirection(
            Qt.LayoutDirection.RightToLeft
        )  # the chevron stands right of the text
        self.setIconSize(QSize(12, 12))
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFont(font())
        menu = QMenu(self)
        menu.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.setMenu(menu)
        self.set_theme(theme)

    @property
    def value(self) -> object:
        return self._value

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.setIcon(icons.icon("chevron", theme.secondary))

    def set_choices(self, choices: Sequence[tuple[object, str]], value: object) -> None:
        """Offer ``choices`` of (value, text), with ``value`` shown."""
        menu = self.menu()
        menu.clear()
        self._labels = dict(choices)
        group = QActionGroup(menu)
        for choice, text in choices:
            action = QAction(text, menu)
            action.setCheckable(True)
            action.setChecked(choice == value)
            action.setData(choice)
            action.triggered.connect(self._chooser(choice))
            group.addAction(action)
            menu.addAction(action)
        self.show_value(value)

    def _chooser(self, choice: object) -> Callable[[], None]:
        return lambda: self.pick(choice)

    def pick(self, choice: object) -> None:
        """Do what choosing from the menu does."""
        self.show_value(choice)
        self.picked.emit(choice)

    def show_value(self, value: object) -> None:
        """Show ``value`` without telling anybody."""
        self._value = value
        text = self._labels.get(value, str(value))
        self.setText(text)
        self.setAccessibleName(f"{self._name}: {text}")
        self.setToolTip(self._name)
        for action in self.menu().actions():
            action.setChecked(action.data() == value)
            action.setIcon(
                icons.icon("check", self._theme.accent) if action.isChecked() else icons.blank()
            )

    def fit_to_widest(self) -> None:
        """Keep one width whichever choice is shown."""
        widest = max(self.fontMetrics().horizontalAdvance(text) for text in self._labels.values())
        self.setFixedWidth(widest + 16 + 12 + 12)


class NumberField(QDoubleSpinBox):
    """A number with its unit; wheel, arrow keys and typing apply at once."""

    def __init__(self, name: str, limits: Range, unit: str, decimals: int = 1) -> None:
        super().__init__()
        self.setDecimals(decimals)
        self.setRange(limits.least, limits.greatest)
        self.setSingleStep(limits.step)
        self.setGroupSeparatorShown(limits.greatest >= 10_000)
        self.setSuffix(f" {unit}" if unit else "")
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setKeyboardTracking(False)  # "1" on the way to "100" must not be applied
        self.setAccessibleName(name)
        self.setToolTip(
            f"{name}: {limits.least:g} to {limits.greatest:g} {unit}; arrow keys or wheel change it"
        )
        self.setFont(font())
        self.setFixedWidth(96)

    def show_value(self, value: float) -> None:
        """Show ``value`` without telling anybody."""
        self.blockSignals(True)
        self.setValue(value)
        self.blockSignals(False)


def head(text: str) -> QLabel:
    """Return a section's head."""
    label = QLabel(text.upper())
    result = font(9.0, bold=True)
    result.setLetterSpacing(result.SpacingType.AbsoluteSpacing, 0.8)
    label.setFont(result)
    label.setProperty("role", "head")
    label.setFixedHeight(24)
    return label


def note(text: str = "") -> QLabel:
    """Return a line of small text."""
    label = QLabel(text)
    label.setFont(font(9.0))
    label.setProperty("role", "secondary")
    return label


def rule() -> QFrame:
    """Return a line between sections."""
    line = QFrame()
    line.setObjectName("rule")
    line.setFixedHeight(1)
    return line


def row(text: str, control: QWidget) -> QWidget:
    """Return a line of a panel: what it is on the left, the control on the right."""
    line = QWidget()
    layout = QHBoxLayout(line)
    layout.setContentsMargins(0, 0, 0, 0)
    label = QLabel(text)
    label.setFont(font())
    label.setBuddy(control)
    layout.addWidget(label)
    layout.addStretch()
    layout.addWidget(control)
    line.setFixedHeight(32)
    return line


def scrolling(content: QWidget) -> QScrollArea:
    """Return a column that scrolls where the window is too low for it."""
    area = QScrollArea()
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area


def tool_button(name: str, icon_name: str, theme: Theme, *, tip: str = "") -> QToolButton:
    """Return a quiet square button with an icon."""
    button = QToolButton()
    button.setProperty("quiet", True)
    button.setProperty("icon_name", icon_name)
    button.setIcon(icons.icon(icon_name, theme.text, disabled=theme.line))
    button.setIconSize(QSize(16, 16))
    button.setFixedSize(32, 32)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setAccessibleName(name)
    button.setToolTip(tip or name)
    return button


def elided(label: QLabel, text: str, width: int) -> None:
    """Show ``text`` in ``width`` pixels at most; the tool tip has all of it."""
    label.setText(label.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, width))
    label.setToolTip(text)


def restyle(widget: QWidget, name: str, value: object) -> None:
    """Change a property that the style sheet looks at."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def expanding() -> QSizePolicy:
    """Return the policy of a widget that takes what room there is."""
    return QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
