"""WindowSection: how the stream is cut into windows - by time or by number of events."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from app.ui.controls import NumberField, Picker, head, row
from app.ui.settings import RANGES, Preferences
from app.ui.theme import Theme, font

UNITS = (("time", "Time"), ("events", "Events"))
FIELDS = {
    "length_ms": ("Length", "Window length", "ms", 1),
    "stride_ms": ("Stride", "Window stride", "ms", 1),
    "length_events": ("Length", "Window length in events", "ev", 0),
    "stride_events": ("Stride", "Window stride in events", "ev", 0),
}
"""By preference: text beside it, name, unit and decimals."""


class WindowSection(QWidget):
    """Shows the fields of one unit at a time."""

    changed = Signal(object)
    """Preferences by name, as the user chose them: dict[str, object]."""

    def __init__(self, theme: Theme, preferences: Preferences) -> None:
        super().__init__()
        self.unit = Picker("Windows are cut by", theme)
        self.unit.set_choices(UNITS, preferences.window_unit)
        self.unit.setFixedWidth(96)
        self.fields = {
            key: NumberField(name, RANGES[key], unit, decimals)
            for key, (_, name, unit, decimals) in FIELDS.items()
        }
        self._rows = {key: row(FIELDS[key][0], field) for key, field in self.fields.items()}
        self.suggested = QPushButton()
        self.suggested.setFont(font(9.0))
        self.suggested.setAccessibleName("Use the engine's window")
        self.suggest(None)
        self.show_windows(preferences)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(head("Window"))
        layout.addWidget(row("Cut by", self.unit))
        for line in self._rows.values():
            layout.addWidget(line)
        layout.addWidget(self.suggested)

    def _connect(self) -> None:
        self.unit.picked.connect(lambda unit: self.changed.emit({"window_unit": unit}))
        for field in self.fields.values():
            field.valueChanged.connect(self._tell_sizes)
        self.suggested.clicked.connect(
            lambda: self.changed.emit({"window_unit": "time", "uses_engine_window": True})
        )

    def _tell_sizes(self) -> None:
        values = {key: self.fields[key].value() for key in self._shown()}
        if self.unit.value == "events":
            self.changed.emit({key: round(value) for key, value in values.items()})
        else:
            self.changed.emit({**values, "uses_engine_window": False})

    def _shown(self) -> list[str]:
        is_by_events = self.unit.value == "events"
        return [key for key in FIELDS if key.endswith("_events") == is_by_events]

    def show_windows(self, preferences: Preferences) -> None:
        """Show how windows are cut."""
        self.unit.show_value(preferences.window_unit)
        for key, field in self.fields.items():
            field.show_value(getattr(preferences, key))
            self._rows[key].setVisible(key in self._shown())

    def suggest(self, engine_ms: tuple[float, float] | None) -> None:
        """Offer the length and stride that the engine was trained with; None hides the offer."""
        self.suggested.setVisible(engine_ms is not None)
        if engine_ms is not None:
            length_ms, stride_ms = engine_ms
            self.suggested.setText(f"Use the engine's {length_ms:g} / {stride_ms:g} ms")
            self.suggested.setToolTip(
                f"The engine was trained on windows of {length_ms:g} ms; others look different to "
                "it"
            )
