"""Theme: the roles of colours, dark and light, and the style sheet made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from app.render import EventColors

GRID = 8
"""Every distance is a multiple of this many pixels, or half of it."""
LEFT_WIDTH, RIGHT_WIDTH, TOP_HEIGHT, TRANSPORT_HEIGHT = 240, 280, 40, 56


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours by what they are for, as #RRGGBB."""

    name: str
    background: str
    panel: str
    raised: str
    line: str
    text: str
    secondary: str
    accent: str
    on_accent: str
    """Text on the accent colour."""
    warning: str
    error: str
    good: str
    events: EventColors


@runtime_checkable
class Themed(Protocol):
    """A widget that paints, or draws icons, in the theme's colours itself."""

    def set_theme(self, theme: Theme) -> None: ...


DARK = Theme(
    name="dark",
    background="#0E1116",
    panel="#151A21",
    raised="#1C232C",
    line="#2A323D",
    text="#E6EDF3",
    secondary="#9BA7B4",
    accent="#4CC2FF",
    on_accent="#0E1116",
    warning="#F2B84B",
    error="#F26D6D",
    good="#5AD19A",
    events=EventColors(),
)
LIGHT = Theme(
    name="light",
    background="#F4F6F8",
    panel="#FFFFFF",
    raised="#EDF0F4",
    line="#CFD6DE",
    text="#1A2027",
    secondary="#55616E",
    accent="#0072B2",
    on_accent="#FFFFFF",
    warning="#9A6400",
    error="#C23434",
    good="#1B7F4F",
    events=EventColors.paper(),
)
THEMES = {theme.name: theme for theme in (DARK, LIGHT)}


def font(points: float = 10.0, *, bold: bool = False) -> QFont:
    """Return the system's sans with digits of one width, so that nothing shifts."""
    result = QFont(QApplication.font())
    result.setPointSizeF(points)
    result.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    result.setFeature(QFont.Tag("tnum"), 1)
    return result


def apply_theme(application: QApplication, theme: Theme) -> None:
    """Give every widget the theme's colours; may be called again to change it."""
    application.setStyle("Fusion")
    application.setFont(font())
    application.setPalette(_palette(theme))
    application.setStyleSheet(_style_sheet(theme))


def _palette(theme: Theme) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for which, color in (
        (role.Window, theme.panel),
        (role.WindowText, theme.text),
        (role.Base, theme.raised),
        (role.AlternateBase, theme.panel),
        (role.Text, theme.text),
        (role.PlaceholderText, theme.secondary),
        (role.Button, theme.raised),
        (role.ButtonText, theme.text),
        (role.ToolTipBase, theme.raised),
        (role.ToolTipText, theme.text),
        (role.Highlight, theme.accent),
        (role.HighlightedText, theme.on_accent),
        (role.Link, theme.accent),
    ):
        palette.setColor(which, QColor(color))
    faint = QColor(theme.secondary)
    faint.setAlpha(120)
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, faint)
    return palette


def _style_sheet(theme: Theme) -> str:
    values = {name: getattr(theme, name) for name in theme.__slots__ if name != "events"}
    return (
        _STYLE.replace("{", "{{")
        .replace("}", "}}")
        .replace("<", "{")
        .replace(">", "}")
        .format(**values)
    )


_STYLE = """
QMainWindow, QWidget#centre { background: <background>; }
QWidget#panel, QWidget#topBar, QWidget#transport, QScrollArea#panel {
  background: <panel>; border: 0;
}
QWidget#topBar { border-bottom: 1px solid <line>; }
QWidget#transport { border-top: 1px solid <line>; }
QWidget#leftPanel { background: <panel>; border-right: 1px solid <line>; }
QWidget#rightPanel { background: <panel>; border-left: 1px solid <line>; }
QWidget#hud { background: <panel>; border-top: 1px solid <line>; }
QFrame#rule { background: <line>; border: 0; }
QLabel { background: transparent; }
QLabel[role="head"], QLabel[role="secondary"] { color: <secondary>; }
QLabel[role="warning"] { color: <warning>; }
QLabel[role="error"] { color: <error>; }
QLabel[role="good"] { color: <good>; }
QPushButton, QToolButton {
  background: <raised>; color: <text>; border: 1px solid <line>; border-radius: 4px;
  padding: 0 8px; min-height: 22px;
}
QPushButton:hover, QToolButton:hover { border-color: <secondary>; }
QPushButton:pressed, QToolButton:pressed { background: <line>; }
QPushButton:disabled, QToolButton:disabled { color: <line>; background: transparent; }
QPushButton:focus, QToolButton:focus { border: 1px solid <accent>; }
QPushButton:checked, QToolButton:checked { border-color: <accent>; color: <accent>; }
QPushButton[flat="true"], QToolButton[quiet="true"] {
  background: transparent; border-color: transparent;
}
QPushButton[flat="true"]:hover, QToolButton[quiet="true"]:hover { background: <raised>; }
QPushButton[flat="true"]:focus, QToolButton[quiet="true"]:focus { border-color: <accent>; }
QPushButton[role="primary"] {
  background: <accent>; color: <on_accent>;
  border-color: <accent>; min-height: 30px; padding: 0 16px;
}
QPushButton[role="primary"]:focus { border: 2px solid <text>; }
QPushButton[role="large"] { min-height: 30px; padding: 0 16px; }
QPushButton[role="source"] {
  text-align: left; background: transparent; border: 1px solid transparent; border-radius: 4px;
  padding: 0 8px; min-height: 30px;
}
QPushButton[role="source"]:hover { background: <raised>; }
QPushButton[role="source"]:focus { border-color: <accent>; }
QPushButton[role="source"]:checked { background: <raised>; color: <accent>; }
QToolButton::menu-indicator, QPushButton::menu-indicator { image: none; width: 0; }
QLineEdit, QAbstractSpinBox {
  background: <raised>; color: <text>; border: 1px solid <line>; border-radius: 4px;
  padding: 0 6px; min-height: 22px;
  selection-background-color: <accent>; selection-color: <on_accent>;
}
QAbstractSpinBox QLineEdit { border: 0; padding: 0 4px; min-height: 0; background: transparent; }
QAbstractSpinBox QLineEdit:focus { border: 0; }
/* not NoButtons: with a style sheet that leaves no room for the text */
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { width: 0; border: 0; }
QLineEdit:focus, QAbstractSpinBox:focus { border: 1px solid <accent>; }
QLineEdit:disabled, QAbstractSpinBox:disabled { color: <line>; }
QSlider {
  min-height: 22px; background: transparent; border: 1px solid transparent; border-radius: 4px;
}
QSlider:focus { border: 1px solid <accent>; }
QSlider::groove:horizontal { height: 4px; background: <line>; border-radius: 2px; }
QSlider::sub-page:horizontal { background: <accent>; border-radius: 2px; }
QSlider::sub-page:horizontal:disabled { background: <line>; }
QSlider::handle:horizontal {
  width: 12px; height: 12px; margin: -4px 0; border-radius: 6px; background: <text>;
}
QSlider::handle:horizontal:disabled { background: <secondary>; }
QMenu { background: <raised>; color: <text>; border: 1px solid <line>; padding: 4px; }
QMenu::item { padding: 5px 24px 5px 28px; border-radius: 3px; }
QMenu::item:selected { background: <accent>; color: <on_accent>; }
QMenu::item:disabled { color: <secondary>; background: transparent; }
QMenu::separator { height: 1px; background: <line>; margin: 4px 8px; }
QMenu::icon { padding-left: 8px; }
QToolTip { background: <raised>; color: <text>; border: 1px solid <line>; padding: 4px; }
QScrollArea { border: 0; background: <panel>; }
QScrollBar:vertical { background: transparent; width: 8px; margin: 0; }
QScrollBar::handle:vertical { background: <line>; border-radius: 4px; min-height: 24px; }
QScrollBar::add-line, QScrollBar::sub-line { height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QPlainTextEdit {
  background: <background>; color: <text>; border: 1px solid <line>; border-radius: 4px;
}
QProgressBar { background: <line>; border: 0; border-radius: 2px; max-height: 4px; }
QProgressBar::chunk { background: <accent>; border-radius: 2px; }
"""
