"""The camera's own settings: contrast thresholds, readout rate, biases, crop, flips."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeGuard

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QLabel,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from events.live.controls import Control, Value


class HasControls(Protocol):
    """A source with settings, such as a USB camera."""

    def controls(self) -> list[Control]: ...

    def set_control(self, name: str, value: Value) -> Control: ...


def has_controls(source: object) -> TypeGuard[HasControls]:
    """Return whether a source has settings at all; a camera that is not open has none yet."""
    return hasattr(source, "controls") and bool(source.controls())


class CameraDialog(QDialog):
    """A row for each control; a change goes to the camera at once.

    Each row shows what the camera then has: it may round a value, or refuse it.
    """

    def __init__(self, source: HasControls, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Camera controls")
        self.resize(440, 520)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)  # the next one reads anew
        self._source = source
        self.rows: dict[str, QWidget] = {}
        self.message = QLabel("Changes go to the camera at once.")
        self.message.setWordWrap(True)
        form = QFormLayout()
        for control in source.controls():
            row = self._row(control)
            _show(row, control.value)
            row.setAccessibleName(_title(control))
            self.rows[control.name] = row
            form.addRow(_title(control), row)
        content = QWidget()
        content.setLayout(form)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(content)
        layout = QVBoxLayout(self)
        layout.addWidget(area)
        layout.addWidget(self.message)

    def _row(self, control: Control) -> QWidget:
        change = partial(self._change, control.name)
        if isinstance(control.value, bool):
            check = QCheckBox()
            check.toggled.connect(change)
            return check
        if control.choices:
            box = QComboBox()
            box.addItems(list(control.choices))
            box.textActivated.connect(change)
            return box
        if isinstance(control.value, int):
            return _spin_box(control, change)
        return QLabel()

    def _change(self, name: str, value: Value) -> None:
        """Set a control; say and show what the camera made of it."""
        try:
            control = self._source.set_control(name, value)
            self.message.setText(f"{_title(control)} is {control.value}")
        except (ValueError, RuntimeError) as error:
            self.message.setText(str(error))
        for control in self._source.controls():
            if control.name in self.rows:
                _show(self.rows[control.name], control.value)


def _spin_box(control: Control, change: Callable[[int], None]) -> QSpinBox:
    box = QSpinBox()
    box.setRange(control.minimum, control.maximum)
    box.setSingleStep(control.step)
    box.setSuffix(f" {control.unit}" if control.unit else "")
    box.setKeyboardTracking(False)  # not every digit on the way goes to the camera
    box.valueChanged.connect(change)
    return box


def _show(row: QWidget, value: Value) -> None:
    """Show a control's value without telling anybody."""
    with QSignalBlocker(row):
        if isinstance(row, QCheckBox):
            row.setChecked(bool(value))
        elif isinstance(row, QSpinBox):
            assert isinstance(value, int)
            row.setValue(value)
        elif isinstance(row, QComboBox):
            row.setCurrentText(str(value))
        elif isinstance(row, QLabel):
            row.setText(str(value))


def _title(control: Control) -> str:
    unit = f"_{control.unit}"
    name = control.name.removesuffix(unit) if control.unit else control.name
    return name.replace("_", " ").capitalize()
