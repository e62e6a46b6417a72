"""StartPage: what the empty window shows - one sentence, three ways to begin, recent files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.controls import head, note
from app.ui.theme import GRID, Theme, font

NUM_SHOWN = 5


class StartPage(QWidget):
    """Buttons to begin with; also says what is being opened, and for how long."""

    recording_asked, camera_asked, demo_asked = Signal(), Signal(), Signal()
    recent_asked = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._is_dropping = False
        self.setAccessibleName("Start")
        self.title = QLabel("See through an event camera")
        self.title.setFont(font(18.0))
        self.sentence = QLabel(
            "Open a stream of events: recognition, segmentation and depth follow."
        )
        self.sentence.setProperty("role", "secondary")
        self.open_recording = QPushButton("Open recording…")
        self.connect_camera = QPushButton("Connect camera")
        self.run_demo = QPushButton("Run the demo")
        self.hint = note("or drop a file here")
        self._recent = QVBoxLayout()
        self._lay_out()
        self.open_recording.clicked.connect(self.recording_asked)
        self.connect_camera.clicked.connect(self.camera_asked)
        self.run_demo.clicked.connect(self.demo_asked)
        self.set_theme(theme)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        buttons.addStretch()
        for button in (self.open_recording, self.connect_camera, self.run_demo):
            button.setFont(font())
            button.setIconSize(QSize(16, 16))
            button.setAccessibleName(button.text())
            button.setText(f" {button.text()}")  # Qt puts the icon too close
            button.setProperty("role", "primary" if button is self.open_recording else "large")
            buttons.addWidget(button)
        buttons.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4 * GRID, 4 * GRID, 4 * GRID, 4 * GRID)
        layout.addStretch(3)
        layout.addSpacing(11 * GRID)
        for label in (self.title, self.sentence):
            layout.addWidget(label, 0, Qt.AlignmentFlag.AlignHCenter)
            layout.addSpacing(GRID)
        layout.addSpacing(2 * GRID)
        layout.addLayout(buttons)
        layout.addSpacing(GRID)
        layout.addWidget(self.hint, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(3 * GRID)
        self._recent.setSpacing(0)
        layout.addLayout(self._recent)
        layout.addStretch(4)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        for button, name, color in (
            (self.open_recording, "file", theme.on_accent),
            (self.connect_camera, "camera", theme.text),
            (self.run_demo, "synthetic", theme.text),
        ):
            button.setIcon(icons.icon(name, color))
        self.update()

    def show_dropping(self, is_dropping: bool) -> None:
        """Light the frame while a file hangs over the window."""
        self._is_dropping = is_dropping
        self.update()

    def show_recent(self, paths: Sequence[str]) -> None:
        """List recent files that still exist."""
        while self._recent.count():
            item = self._recent.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.deleteLater()
        there = [path for path in paths if Path(path).exists()][:NUM_SHOWN]
        if there:
            self._recent.addWidget(head("Recent"), 0, Qt.AlignmentFlag.AlignHCenter)
        for path in there:
            button = QPushButton(Path(path).name)
            button.setFlat(True)
            button.setProperty("flat", True)
            button.setFont(font())
            button.setToolTip(path)
            button.setAccessibleName(f"Open {path}")
            button.clicked.connect(lambda _checked=False, path=path: self.recent_asked.emit(path))
            self._recent.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)

    def show_progress(self, what: str) -> None:
        """Say what is going on instead of the sentence; empty shows the sentence again."""
        self.title.setText(what or "See through an event camera")
        for button in (self.open_recording, self.connect_camera, self.run_demo, self.hint):
            button.setVisible(not what)
        self.sentence.setText(
            "Esc gives up. The first start ever compiles for this machine, and takes longer."
            if what
            else "Open a stream of events: recognition, segmentation and depth follow."
        )

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._theme
        side = 8.0 * GRID
        area = QRectF((self.width() - side) / 2, self.title.y() - side - 3 * GRID, side, side)
        _mark(painter, area, theme)
        edge = theme.accent if self._is_dropping else theme.line
        pen = QPen(QColor(edge), 2 if self._is_dropping else 1, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(16, 16, -16, -16), 8, 8)


def _mark(painter: QPainter, area: QRectF, theme: Theme) -> None:
    """Draw Saccade's mark: the two polarities of an edge that moves through an eye."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    on, off = QColor(*theme.events.on), QColor(*theme.events.off)
    for color, shift in ((off, -6.0), (on, 6.0)):
        pen = QPen(color, 4)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        circle = area.adjusted(12 + shift, 12, -12 + shift, -12)
        painter.drawArc(circle, (90 if shift < 0 else -90) * 16, 180 * 16)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.text))
    painter.drawEllipse(area.center(), 6, 6)
