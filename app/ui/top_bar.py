"""TopBar: what plays, how it is shown, and what runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSlider, QToolButton, QWidget

from app.ui import icons
from app.ui.badge import Badge
from app.ui.controls import Check, Picker, elided, note, tool_button
from app.ui.settings import CHOICES, RANGES, Preferences
from app.ui.theme import GRID, TOP_HEIGHT, Theme, font
from export.providers.provider import TITLES
from models.card import TOKENS, ModelCard

VIEW_TEXTS = {"surface": "Decaying surface", "accumulated": "Accumulated", "voxel": "Voxel bins"}
CHECKED_TASKS = ("segmentation", "depth")
PROVIDER_TEXTS = {"auto": "Automatic", **TITLES}
PROVIDER_TIPS = {"auto": "The fastest that agrees with the CPU, measured once on this machine"}


class TopBar(QWidget):
    """The bar over the picture."""

    view_changed = Signal(str)
    segmentation_changed = Signal(bool)
    opacity_changed = Signal(float)
    depth_changed = Signal(bool)
    tokens_changed = Signal(bool)
    engine_picked = Signal(str)
    """A path; "" for Saccade's own engine, "none" for none, "ask" for a dialog."""
    provider_picked = Signal(str)
    theme_asked, sheet_asked, left_asked, right_asked = Signal(), Signal(), Signal(), Signal()

    def __init__(self, theme: Theme, preferences: Preferences) -> None:
        super().__init__()
        self._theme = theme
        self._title = ""
        self._card: ModelCard | None = None
        self._is_overlay_possible = True
        self.setObjectName("topBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(TOP_HEIGHT)
        self.left = tool_button("Left panel", "left_panel", theme, tip="Left panel (F9)")
        self.right = tool_button("Right panel", "right_panel", theme, tip="Right panel (F10)")
        self.sheet = tool_button("Keyboard shortcuts", "help", theme, tip="Keyboard shortcuts (F1)")
        self.theme_button = tool_button(
            "Dark or light", "theme", theme, tip="Dark or light (Ctrl+T)"
        )
        self.title = QLabel()
        self.title.setFont(font(10.0, bold=True))
        self.title.setAccessibleName("Source")
        self.view = Picker("Event view (C)", theme)
        self.view.set_choices(
            [(view, VIEW_TEXTS[view]) for view in CHOICES["view"]], preferences.view
        )
        self.view.fit_to_widest()
        self.segmentation = Check("Segmentation", theme)
        self.segmentation.setChecked(preferences.shows_segmentation)
        self.tokens = Check("Tokens", theme)
        self.tokens.setToolTip("The encoder's tokens in colours over the events (5)")
        self.tokens.setChecked(preferences.shows_tokens)
        self.opacity = _opacity_slider(preferences.opacity)
        self.percent = note(f"{self.opacity.value()} %")
        self.percent.setFixedWidth(self.percent.fontMetrics().horizontalAdvance("100 %") + 2)
        self.depth_check = Check("Depth", theme)
        self.depth_check.setChecked(preferences.shows_depth)
        self.engine = QToolButton()
        self.engine.setFont(font())
        self.engine.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.engine.setMenu(QMenu(self.engine))
        self.engine.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.engine.menu().setToolTipsVisible(True)
        self.badge = Badge()
        self._lay_out()
        self._connect()
        self.show_engine("no engine", preferences.provider)
        self.show_outputs(None)

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(GRID)
        layout.addWidget(self.left)
        layout.addWidget(self.title)
        layout.addStretch()
        for widget in (self.view, self.segmentation, self.tokens, self.opacity, self.percent):
            layout.addWidget(widget)
        layout.addWidget(self.depth_check)
        layout.addStretch()
        layout.addWidget(self.badge)
        layout.addWidget(self.engine)
        buttons = QHBoxLayout()
        buttons.setSpacing(0)
        for button in (self.theme_button, self.sheet, self.right):
            buttons.addWidget(button)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        self.left.clicked.connect(self.left_asked)
        self.right.clicked.connect(self.right_asked)
        self.sheet.clicked.connect(self.sheet_asked)
        self.theme_button.clicked.connect(self.theme_asked)
        self.view.picked.connect(lambda view: self.view_changed.emit(str(view)))
        self.segmentation.toggled.connect(self.segmentation_changed)
        self.depth_check.toggled.connect(self.depth_changed)
        self.tokens.toggled.connect(self.tokens_changed)
        self.opacity.valueChanged.connect(self._tell_opacity)

    def _tell_opacity(self, percent: int) -> None:
        self.percent.setText(f"{percent} %")
        self.opacity_changed.emit(percent / 100)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme

    # What is shown

    def show_title(self, title: str) -> None:
        """Show what plays, shortened in its middle where it does not fit."""
        self._title = title
        elided(self.title, title, self._title_room())

    def _title_room(self) -> int:
        used = (
            40
            + 12 * GRID
            + sum(
                widget.sizeHint().width()
                for widget in (
                    self.view,
                    self.segmentation,
                    self.depth_check,
                    self.engine,
                    self.badge,
                )
            )
        )
        return max(self.width() - used - 72 - 40 - 96, 96)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        elided(self.title, self._title, self._title_room())

    def show_overlay_possible(self, is_possible: bool) -> None:
        """Grey out the overlay's controls in a view that it cannot lie on."""
        self._is_overlay_possible = is_possible
        self._enable()

    def show_outputs(self, card: ModelCard | None) -> None:
        """Offer what an engine says: a bare encoder's tokens, or tasks, greyed out if it has not.

        Without an engine all tasks are offered, for the next one.
        """
        self._card = card
        is_bare = card is not None and not card.tasks
        self.tokens.setVisible(is_bare)
        self.segmentation.setVisible(not is_bare)
        self.depth_check.setVisible(not is_bare)
        self._enable()

    def _enable(self) -> None:
        card = self._card
        said = card.says if card else CHECKED_TASKS
        for check, task, tip in (
            (self.segmentation, "segmentation", "Segmentation over the events (2)"),
            (self.depth_check, "depth", "Depth picture (3)"),
        ):
            check.setToolTip(tip if task in said else f"{card and card.name} does not say {task}")
            check.setEnabled(task in said)
        has_overlay = bool({"segmentation", TOKENS} & set(said)) and self._is_overlay_possible
        for widget in (self.opacity, self.percent):
            widget.setEnabled(has_overlay)
        if not self._is_overlay_possible:
            self.segmentation.setEnabled(False)
        self.tokens.setEnabled(self._is_overlay_possible)

    def show_engine(
        self, name: str, provider: str, problems: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Show the engine and rebuild the menu.

        Args:
            name: Of the engine, or what is being done about it.
            provider: That the user chose.
            problems: Why providers cannot run here, by name: those are greyed out.
        """
        self.engine.setText(self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, 160))
        self.engine.setAccessibleName(f"Engine: {name}")
        self.engine.setToolTip(f"Engine: {name}")
        self.show_title(self._title)  # in what room is left
        menu = self.engine.menu()
        menu.clear()
        for text, value in (
            ("Saccade's own", ""),
            ("Open engine…", "ask"),
            ("None: events only", "none"),
        ):
            self._add(menu, text, False, partial(self.engine_picked.emit, value))
        menu.addSeparator()
        for value in CHOICES["provider"]:
            text, is_on = PROVIDER_TEXTS[value], value == provider
            action = self._add(menu, text, is_on, partial(self.provider_picked.emit, value))
            action.setEnabled(value not in problems)
            action.setToolTip(problems.get(value, PROVIDER_TIPS.get(value, text)))

    def _add(self, menu: QMenu, text: str, is_on: bool, act: Callable[[], None]) -> QAction:
        action = QAction(text, menu)
        action.setIcon(icons.icon("check", self._theme.accent) if is_on else icons.blank())
        action.triggered.connect(lambda: act())  # without the signal's own argument
        menu.addAction(action)
        return action


def source_title(name: str, sensor: object) -> str:
    """Return the text for a source's name and sensor."""
    return f"{name} · {str(sensor).replace('x', '×')}" if sensor else name


def _opacity_slider(opacity: float) -> QSlider:
    """Return a slider in percent."""
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, 100)
    slider.setSingleStep(round(100 * RANGES["opacity"].step))
    slider.setPageStep(20)
    slider.setFixedWidth(72)
    slider.setAccessibleName("Opacity of what lies over the events")
    slider.setToolTip("Opacity of what lies over the events")
    slider.setValue(round(100 * opacity))
    return slider
