"""Timeline: the seek bar, with the event rate drawn along it."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.rate_history import NUM_BINS, RateHistory
from app.ui.theme import Theme, font
from app.ui.units import rate_text, time_text

MARGIN = 8
GROOVE_FROM_BOTTOM = 10
LEAST_MOVE = 0.25
"""Pixels; a handle that moved less stays as it was drawn, since its rates are slow to draw."""


class Timeline(QWidget):
    """Where the stream is; click or drag to seek. A live stream shows its last minute instead."""

    seek_asked = Signal(object)
    """The event time in microseconds; object, since Qt's int has 32 bits."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._history: RateHistory | None = None
        self._is_seekable = False
        self._now_us = 0
        self._hover_x: float | None = None
        self._drawn_x = 0.0
        self._rates_path = QPainterPath()
        self.setAccessibleName("Timeline")
        self.setToolTip("")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(200, 48)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def show_stream(self, history: RateHistory | None, is_seekable: bool) -> None:
        """Show another stream; None shows an empty line."""
        self._history, self._is_seekable = history, is_seekable and history is not None
        self._now_us = history.start_us if history else 0
        self.setEnabled(self._is_seekable)
        self.show_rates()

    def show_rates(self) -> None:
        """Draw the rates anew; apart from the handle, since their path is long."""
        path, history = QPainterPath(), self._history
        if history is not None and np.isfinite(history.rates).any():
            top = float(np.nanmax(history.rates)) or 1.0
            floor = self.height() - GROOVE_FROM_BOTTOM - 6
            step = (self.width() - 2 * MARGIN) / NUM_BINS
            path.moveTo(MARGIN, floor)
            for i, rate in enumerate(np.nan_to_num(history.rates)):
                y = floor - rate / top * (floor - 4)
                path.lineTo(MARGIN + i * step, y)
                path.lineTo(MARGIN + (i + 1) * step, y)
            path.lineTo(self.width() - MARGIN, floor)
        self._rates_path = path
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        self.show_rates()

    def show_time(self, now_us: int) -> None:
        """Move the handle."""
        self._now_us = now_us
        text = time_text(now_us - self._history.start_us) if self._history else "nothing open"
        self.setAccessibleDescription(text)
        if self._is_seekable and abs(self._x_of(now_us) - self._drawn_x) >= LEAST_MOVE:
            self.update()

    # Places

    def _x_of(self, t_us: float) -> float:
        history = self._history
        if history is None:
            return MARGIN
        share = (t_us - history.start_us) / max(history.end_us - history.start_us, 1)
        return MARGIN + min(max(share, 0.0), 1.0) * (self.width() - 2 * MARGIN)

    def time_at(self, x: float) -> int:
        """Return the event time under the pixel column ``x``, clamped to the timeline."""
        history = self._history
        if history is None:
            return 0
        share = (x - MARGIN) / max(self.width() - 2 * MARGIN, 1)
        span_us = history.end_us - history.start_us
        return history.start_us + round(min(max(share, 0.0), 1.0) * span_us)

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton and self._is_seekable:
            self._seek_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._hover_x = event.position().x()
        if event.buttons() & Qt.MouseButton.LeftButton and self._is_seekable:
            self._seek_to(self._hover_x)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        self._hover_x = None
        self.update()

    def _seek_to(self, x: float) -> None:
        self.show_time(self.time_at(x))
        self.seek_asked.emit(self.time_at(x))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        groove_y = self.height() - GROOVE_FROM_BOTTOM
        now_x = self._x_of(self._now_us) if self._is_seekable else float(MARGIN)
        self._drawn_x = now_x
        self._paint_rates(painter, now_x)
        self._paint_groove(painter, groove_y, now_x)
        if self._hover_x is not None and self._history is not None:
            self._paint_hover(painter, self._hover_x)
        if self.hasFocus():
            painter.setPen(QPen(QColor(self._theme.accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)

    def _paint_rates(self, painter: QPainter, now_x: float) -> None:
        unplayed, played = QColor(self._theme.secondary), QColor(self._theme.accent)
        unplayed.setAlpha(90)
        played.setAlpha(120)
        split = now_x if self._is_seekable else float(self.width())
        for left, right, color in ((0.0, split, played), (split, float(self.width()), unplayed)):
            painter.save()
            painter.setClipRect(QRectF(left, 0, right - left, self.height()))
            painter.fillPath(self._rates_path, color)
            painter.restore()

    def _paint_groove(self, painter: QPainter, y: int, now_x: float) -> None:
        theme = self._theme
        painter.setPen(QPen(QColor(theme.line), 2, c=Qt.PenCapStyle.RoundCap))
        painter.drawLine(QPointF(MARGIN, y), QPointF(self.width() - MARGIN, y))
        if not self._is_seekable:
            return
        painter.setPen(QPen(QColor(theme.accent), 2, c=Qt.PenCapStyle.RoundCap))
        painter.drawLine(QPointF(MARGIN, y), QPointF(now_x, y))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.text))
        painter.drawEllipse(QPointF(now_x, y), 6, 6)

    def _paint_hover(self, painter: QPainter, x: float) -> None:
        history, theme = self._history, self._theme
        if history is None:
            return
        t_us = self.time_at(x)
        line_x = self._x_of(t_us)
        painter.setPen(QPen(QColor(theme.secondary), 1))
        painter.drawLine(QPointF(line_x, 2), QPointF(line_x, self.height() - 4))
        rate = history.rates[min(int((t_us - history.start_us) / history.bin_us), NUM_BINS - 1)]
        text = time_text(t_us - (history.start_us if self._is_seekable else history.end_us))
        if np.isfinite(rate):
            text += f"   {rate_text(float(rate))}"
        painter.setFont(font(9.0))
        width = painter.fontMetrics().horizontalAdvance(text) + 12
        left = min(max(line_x - width / 2, 0), self.width() - width)
        box = QRectF(left, 0, width, 18)
        painter.setPen(QPen(QColor(theme.line), 1))
        painter.setBrush(QColor(theme.raised))
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(QColor(theme.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
