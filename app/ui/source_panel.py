"""SourcePanel: where the stream comes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.ui import icons
from app.ui.controls import head, tool_button
from app.ui.settings import RANGES, Preferences
from app.ui.theme import GRID, Theme, font

KINDS = (
    ("recording", "Recording…", "file"),
    ("camera", "Camera", "camera"),
    ("network", "Network", "network"),
    ("synthetic", "Synthetic", "synthetic"),
)


class SourcePanel(QWidget):
    """Four kinds of source; the one that plays is lit. Two have a field of their own."""

    opened = Signal(str)
    """An input as the command line takes it: camera, tcp://HOST:PORT, synthetic:SEED, or a path."""
    recording_asked = Signal()
    address_changed = Signal(str)
    seed_changed = Signal(int)

    def __init__(self, theme: Theme, preferences: Preferences) -> None:
        super().__init__()
        self.buttons = {kind: self._button(kind, text) for kind, text, _ in KINDS}
        self.recent = tool_button("Recent recordings", "chevron", theme)
        self.recent.setFixedSize(32, 32)
        self.recent.setPopupMode(self.recent.ToolButtonPopupMode.InstantPopup)
        self.recent.setMenu(QMenu(self.recent))
        self.address = QLineEdit(preferences.address)
        self.address.setAccessibleName("Network address")
        self.address.setToolTip("tcp://HOST:PORT or unix:PATH; Enter connects")
        self.address.setPlaceholderText("tcp://HOST:PORT or unix:PATH")
        self.seed = QSpinBox()
        limits = RANGES["seed"]
        self.seed.setRange(int(limits.least), int(limits.greatest))
        self.seed.setValue(preferences.seed)
        self.seed.setPrefix("seed ")
        self.seed.setAccessibleName("Seed of the synthetic scene")
        self.seed.setToolTip("Another seed, another scene")
        self.seed.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.seed.setFixedWidth(88)
        self.seed.setKeyboardTracking(False)
        for field in (self.address, self.seed):
            field.setFont(font())
        self._lay_out()
        self._connect()
        self.set_theme(theme)

    def _button(self, kind: str, text: str) -> QPushButton:
        button = QPushButton(f" {text}")  # Qt puts the icon too close
        button.setProperty("role", "source")
        button.setCheckable(True)
        button.setFont(font())
        button.setIconSize(QSize(16, 16))
        button.setAccessibleName(f"Source: {kind}")
        return button

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(head("Source"))
        for kind, button in self.buttons.items():
            line = QHBoxLayout()
            line.setSpacing(4)
            line.addWidget(button, 1)
            if kind == "recording":
                line.addWidget(self.recent)
            if kind == "synthetic":
                line.addWidget(self.seed)
            layout.addLayout(line)
            if kind == "network":
                inset = QHBoxLayout()
                inset.setContentsMargins(4 * GRID, 0, 0, 4)
                inset.addWidget(self.address)
                layout.addLayout(inset)

    def _connect(self) -> None:
        self.buttons["recording"].clicked.connect(self.recording_asked)
        self.buttons["camera"].clicked.connect(lambda: self.opened.emit("camera"))
        self.buttons["network"].clicked.connect(
            lambda: self.opened.emit(self.address.text().strip())
        )
        self.buttons["synthetic"].clicked.connect(self._open_synthetic)
        self.address.returnPressed.connect(self.buttons["network"].click)
        self.address.textChanged.connect(self.address_changed)
        self.seed.valueChanged.connect(self._change_seed)

    def _open_synthetic(self) -> None:
        self.opened.emit(f"synthetic:{self.seed.value()}")

    def _change_seed(self, seed: int) -> None:
        self.seed_changed.emit(seed)
        if self.buttons["synthetic"].isChecked():
            self._open_synthetic()

    def set_theme(self, theme: Theme) -> None:
        for kind, _, name in KINDS:
            self.buttons[kind].setIcon(icons.icon(name, theme.secondary))

    def show_input(self, text: str) -> None:
        """Light the source that plays and show its seed or address; "" for none."""
        kind = kind_of(text) if text else ""
        for name, button in self.buttons.items():
            button.setChecked(name == kind)
        if kind == "network":
            self.address.setText(text)
        seed = text.partition(":")[2]
        if kind == "synthetic" and seed.isdigit():
            self.seed.blockSignals(True)  # it plays already
            self.seed.setValue(int(seed))
            self.seed.blockSignals(False)

    def show_recent(self, paths: Sequence[str]) -> None:
        """Fill the menu of recent files."""
        menu = self.recent.menu()
        menu.clear()
        for path in paths:
            action = menu.addAction(Path(path).name)
            action.setToolTip(path)
            action.triggered.connect(lambda _checked=False, path=path: self.opened.emit(path))
        self.recent.setEnabled(bool(paths))


def kind_of(text: str) -> str:
    """Return which of KINDS an input belongs to."""
    start = text.split(":", 1)[0]
    if start in ("camera", "synthetic"):
        return start
    return "network" if start in ("tcp", "unix") else "recording"
