"""The camera's settings, on a stand-in camera that behaves as documented."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QSpinBox, QWidget
from stand_in_devices import StandInDavis, StandInDevice

from app.ui.camera_dialog import CameraDialog, has_controls
from events.live import controls as live


class OpenCamera:
    """A source with a device, as CameraSource hands its controls on."""

    def __init__(self, device: object) -> None:
        self.device = device

    def controls(self) -> list[live.Control]:
        return live.controls(self.device)

    def set_control(self, name: str, value: live.Value) -> live.Control:
        return live.set_control(self.device, name, value)


@pytest.fixture
def owner(qtbot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


@pytest.fixture(params=[StandInDevice, StandInDavis])
def dialog(request: pytest.FixtureRequest, owner: QWidget) -> CameraDialog:
    camera = OpenCamera(request.param())
    assert has_controls(camera)
    return CameraDialog(camera, owner)


def test_every_control_has_a_row_with_its_value(dialog) -> None:
    found = {control.name: control for control in dialog._source.controls()}
    assert set(dialog.rows) == set(found)
    for name, row in dialog.rows.items():
        assert row.accessibleName()
        if isinstance(row, QSpinBox):
            assert row.value() == found[name].value
            assert (row.minimum(), row.maximum()) == (found[name].minimum, found[name].maximum)
        elif isinstance(row, QCheckBox):
            assert row.isChecked() == found[name].value


def test_a_change_reaches_the_camera_and_the_dialog_says_so(dialog) -> None:
    for name, row in dialog.rows.items():
        wanted = ask(row)
        if wanted is None:
            continue
        now = {control.name: control.value for control in dialog._source.controls()}
        assert now[name] == wanted
        assert str(wanted) in dialog.message.text()


def ask(row: QWidget) -> object:
    """Ask for another value as a user does, and return it; None where none can be asked for."""
    if isinstance(row, QSpinBox) and row.maximum() > row.minimum():
        row.setValue(row.minimum() if row.value() > row.minimum() else row.maximum())
        return row.value()
    if isinstance(row, QCheckBox):
        row.toggle()
        return row.isChecked()
    if isinstance(row, QComboBox):
        row.setCurrentIndex((row.currentIndex() + 1) % row.count())
        wanted = row.currentText()
        row.textActivated.emit(wanted)
        return wanted
    return None


def shown(row: QWidget) -> object:
    if isinstance(row, QSpinBox):
        return row.value()
    if isinstance(row, QCheckBox):
        return row.isChecked()
    assert isinstance(row, QComboBox | QLabel)
    return row.currentText() if isinstance(row, QComboBox) else row.text()


class StubbornCamera(OpenCamera):
    """Takes no value: says so, or keeps what it has in silence."""

    def __init__(self, device: object, *, says_so: bool) -> None:
        super().__init__(device)
        self.says_so = says_so

    def set_control(self, name: str, value: live.Value) -> live.Control:
        if self.says_so:
            raise RuntimeError(f"{name} is busy")
        return next(control for control in self.controls() if control.name == name)


@pytest.mark.parametrize("says_so", [True, False])
@pytest.mark.parametrize("device", [StandInDevice, StandInDavis])
def test_a_row_shows_what_the_camera_has_when_it_takes_no_value(owner, device, says_so) -> None:
    camera = StubbornCamera(device(), says_so=says_so)
    dialog = CameraDialog(camera, owner)
    before = {name: shown(row) for name, row in dialog.rows.items()}
    for row in dialog.rows.values():
        if ask(row) is not None:
            assert ("is busy" in dialog.message.text()) is says_so
    assert {name: shown(row) for name, row in dialog.rows.items()} == before


def test_a_row_shows_the_value_that_the_camera_rounded_to(owner) -> None:
    dialog = CameraDialog(OpenCamera(StandInDavis()), owner)
    row = dialog.rows["background_activity_filter_us"]
    assert isinstance(row, QSpinBox)
    row.setValue(2_100)
    assert row.value() == 2_000


def test_a_refused_value_is_explained_and_nothing_breaks(dialog) -> None:
    dialog._change("contrast_of_the_moon", 3)
    assert "contrast_of_the_moon" in dialog.message.text()


def test_without_a_camera_the_key_says_why(window, qtbot) -> None:
    qtbot.keyClick(window, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    assert "only an open USB camera" in window.parts.messages.text
