"""TokenLegend: what the colours of an encoder's tokens mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter, QPaintEvent, QPen

from app.colormaps import NUM_COLORS, colormap
from app.ui.meaning import Painted
from app.ui.theme import GRID, Theme, font

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
COMPONENTS = (
    ("1st component", "#FF0000"),
    ("2nd component", "#00FF00"),
    ("3rd component", "#0000FF"),
)
TICKS = (-1.0, -0.5, 0.0, 0.5, 1.0)
ROW = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What the legend says of a likeness map."""

    anchor: tuple[int, int]
    """(x, y) pixel."""
    low: float
    high: float
    """Range of the cosines in the window that is shown."""
    first_color: float = -1.0
    """Cosine at which the colour map begins; it ends at 1."""
    at_cursor: float | None = None


def cosine_text(cosine: float) -> str:
    """Return a cosine with its sign, always as wide."""
    return f"{cosine:+.2f}".replace("-", "−")


class TokenLegend(Painted):
    """The colours of three components, or the scale of likeness to a point."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Tokens", theme, 6 * ROW)
        self._sizes: tuple[int, int, int] | None = None
        self._likeness: Likeness | None = None
        self._colors = "turbo"

    @property
    def sizes(self) -> tuple[int, int, int] | None:
        """Width, rows and columns of the tokens that are shown."""
        return self._sizes

    @property
    def likeness(self) -> Likeness | None:
        """What is said of the likeness map; None where components are shown."""
        return self._likeness

    def show_tokens(
        self, sizes: tuple[int, int, int] | None, likeness: Likeness | None, colors: str
    ) -> None:
        """Explain the picture; ``sizes`` of None says that there is none yet."""
        if (sizes, likeness, colors) == (self._sizes, self._likeness, self._colors):
            return
        self._sizes, self._likeness, self._colors = sizes, likeness, colors
        self.setAccessibleDescription(" ".join(self.words()) or "no tokens yet")
        self.update()

    def words(self) -> tuple[str, ...]:
        """Return the lines of text: what is shown, of what, and what a click does."""
        if self._sizes is None:
            return ()
        width, rows, columns = self._sizes
        of = f"{width}-d tokens, {columns} × {rows}"
        if self._likeness is None:
            return ("Principal components as colours", of, "Click a point: likeness to its token")
        x, y = self._likeness.anchor
        return (f"Cosine to the token at {x}, {y}", of, "Right click or Esc: components again")

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        if self._sizes is None:
            self.paint_placeholder(painter)
            return
        what, of, hint = self.words()
        self._write(painter, 0, what, self._theme.text, 10.0)
        self._write(painter, 1, of, self._theme.secondary, 9.0)
        if self._likeness is None:
            self._paint_components(painter)
        else:
            self._paint_scale(painter, self._likeness)
        self._write(painter, 5, hint, self._theme.secondary, 9.0)

    def _write(self, painter: QPainter, row: int, text: str, color: str, points: float) -> None:
        painter.setFont(font(points))
        painter.setPen(QColor(color))
        painter.drawText(QRectF(0, row * ROW, self.width(), ROW), LEFT, text)

    def _paint_components(self, painter: QPainter) -> None:
        for i, (name, color) in enumerate(COMPONENTS):
            area = QRectF(0, (i + 2) * ROW, self.width(), ROW)
            bar = QRectF(0, area.top() + 7, self.width() - 112, 8)
            gradient = QLinearGradient(bar.topLeft(), bar.topRight())
            gradient.setColorAt(0, QColor("#000000"))
            gradient.setColorAt(1, QColor(color))
            painter.fillRect(bar, gradient)
            painter.setFont(font(9.0))
            painter.setPen(QColor(self._theme.secondary))
            painter.drawText(area, RIGHT, name)

    def _paint_scale(self, painter: QPainter, likeness: Likeness) -> None:
        top, theme = 2 * ROW + GRID / 2, self._theme
        painter.fillRect(QRectF(0, top, self.width(), 10), QColor(theme.raised))
        start = self._place(likeness.first_color)
        bar = QRectF(start, top, self.width() - start, 10)
        pixels = np.ascontiguousarray(colormap(self._colors))
        strip = QImage(pixels.data, NUM_COLORS, 1, 3 * NUM_COLORS, QImage.Format.Format_RGB888)
        painter.drawImage(bar, strip)
        painter.setFont(font(9.0))
        painter.setPen(QPen(QColor(theme.secondary), 1))
        for tick in TICKS:
            x = self._place(tick)
            painter.drawLine(QPointF(x, top + 10), QPointF(x, top + 14))
            text = f"{tick:g}".replace("-", "−")
            width = painter.fontMetrics().horizontalAdvance(text)
            left = min(max(x - width / 2, 0), self.width() - width)
            painter.drawText(QPointF(left, top + 28), text)
        if likeness.at_cursor is not None:
            x = self._place(likeness.at_cursor)
            painter.setPen(QPen(QColor(theme.text), 2))
            painter.drawLine(QPointF(x, top - 2), QPointF(x, top + 12))
        window = f"{cosine_text(likeness.low)} to {cosine_text(likeness.high)}"
        self._write(painter, 4, f"In this window {window}", theme.secondary, 9.0)

    def _place(self, cosine: float) -> float:
        return 0.5 + (cosine + 1) / 2 * (self.width() - 1)
