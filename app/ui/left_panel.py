"""LeftPanel: source, windows, display and filters."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.filter_choices import FILTERS
from app.ui.controls import Check, NumberField, head, note, restyle, row, rule, scrolling
from app.ui.settings import RANGES, Preferences
from app.ui.source_panel import SourcePanel
from app.ui.theme import GRID, LEFT_WIDTH, Theme
from app.ui.units import rate_text
from app.ui.window_section import WindowSection
from events.filters import FilterConfig


class LeftPanel(QWidget):
    """Folds away with F9."""

    decay_changed = Signal(float)
    filters_changed = Signal(object)
    """The names of the filters that are on, a tuple."""

    def __init__(self, theme: Theme, preferences: Preferences) -> None:
        super().__init__()
        self.setObjectName("leftPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(LEFT_WIDTH)
        self.source = SourcePanel(theme, preferences)
        self.windows = WindowSection(theme, preferences)
        self.decay = NumberField("Decay of the event view", RANGES["decay_ms"], "ms", 0)
        self.decay.show_value(preferences.decay_ms)
        self.filters = {name: Check(each.title, theme) for name, each in FILTERS.items()}
        self.removal = {name: note("–") for name in FILTERS}
        self.rates = note("before – after –")
        for name, check in self.filters.items():
            check.setChecked(name in preferences.filters)
            check.setToolTip(FILTERS[name].meaning)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        content = QWidget()
        content.setObjectName("panel")
        layout = QVBoxLayout(content)
        layout.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        layout.setSpacing(0)
        layout.addWidget(self.source)
        self._section(layout)
        layout.addWidget(self.windows)
        self._section(layout, "Display")
        layout.addWidget(row("Decay", self.decay))
        self._section(layout, "Filters")
        layout.addWidget(self._filter_rows())
        layout.addSpacing(4)
        layout.addWidget(self.rates)
        layout.addStretch()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 1, 0)
        outer.addWidget(scrolling(content))

    def _section(self, layout: QVBoxLayout, title: str = "") -> None:
        layout.addSpacing(GRID + 4)
        layout.addWidget(rule())
        layout.addSpacing(GRID)
        if title:
            layout.addWidget(head(title))

    def _filter_rows(self) -> QWidget:
        rows = QWidget()
        grid = QGridLayout(rows)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        for i, (name, check) in enumerate(self.filters.items()):
            grid.addWidget(check, i, 0)
            grid.addWidget(self.removal[name], i, 1, Qt.AlignmentFlag.AlignRight)
        return rows

    def _connect(self) -> None:
        self.decay.valueChanged.connect(self.decay_changed)
        for check in self.filters.values():
            check.toggled.connect(lambda _on: self.filters_changed.emit(self.active_filters()))

    def active_filters(self) -> tuple[str, ...]:
        """Return the names of the filters that are on."""
        return tuple(name for name, check in self.filters.items() if check.isChecked())

    def configs(self) -> Sequence[FilterConfig]:
        """Return the configurations of the filters that are on."""
        return [FILTERS[name].config for name in self.active_filters()]

    def show_removal(self, name: str, share: float) -> None:
        """Show what share of the events a filter removes, or would remove."""
        percent = f"{100 * share:.0f} %"
        self.removal[name].setText(percent if percent == "0 %" else f"−{percent}")
        is_on = self.filters[name].isChecked()
        restyle(self.removal[name], "role", "good" if is_on else "secondary")
        verb = "removed" if is_on else "would remove"
        self.removal[name].setToolTip(f"{verb} {percent} of the events")

    def show_rates(self, before: float, after: float) -> None:
        """Show the event rate before and after the filters."""
        self.rates.setText(f"{rate_text(before)}  to  {rate_text(after)}")
        self.rates.setToolTip("Event rate before and after the filters that are on")
