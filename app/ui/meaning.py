"""What the engine says, painted: top classes as bars, the legend of classes, the depth scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.colormaps import NUM_COLORS, colormap
from app.render import depth_ticks
from app.ui.theme import GRID, Theme, font
from app.ui.units import metres_text
from models.palette import UNLABELLED, color_of

_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class Painted(QWidget):
    """A widget of fixed height that paints itself in the theme's colours."""

    def __init__(self, name: str, theme: Theme, height: int) -> None:
        super().__init__()
        self._theme = theme
        self._placeholder = ""
        self.setAccessibleName(name)
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def set_placeholder(self, text: str) -> None:
        """Say why there is nothing to show."""
        self._placeholder = text
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(200, self.minimumHeight())

    def paint_placeholder(self, painter: QPainter) -> None:
        """Write the placeholder on the first line."""
        painter.setFont(font(9.0))
        painter.setPen(QColor(self._theme.secondary))
        painter.drawText(
            QRectF(0, 0, self.width(), 24),
            _LEFT,
            self._placeholder or "waiting for the first window",
        )


class ScoreBars(Painted):
    """The likeliest classes: label, bar, percent."""

    ROW, NUM_ROWS, LABEL_WIDTH, VALUE_WIDTH = 24, 5, 136, 44

    def __init__(self, theme: Theme) -> None:
        super().__init__("Recognition", theme, self.ROW * self.NUM_ROWS)
        self._scores: Sequence[tuple[str, float]] = ()

    @property
    def scores(self) -> Sequence[tuple[str, float]]:
        return self._scores

    def show_scores(self, scores: Sequence[tuple[str, float]]) -> None:
        """Show (label, probability) pairs, best first."""
        self._scores = scores[: self.NUM_ROWS]
        words = ", ".join(f"{label} {100 * score:.0f} %" for label, score in self._scores)
        self.setAccessibleDescription(words or "nothing recognised yet")
        self.setToolTip(words)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter, theme = QPainter(self), self._theme
        if not self._scores:
            self.paint_placeholder(painter)
            return
        bar_left = self.LABEL_WIDTH + GRID
        bar_width = self.width() - bar_left - self.VALUE_WIDTH
        for i in range(self.NUM_ROWS):
            top = i * self.ROW
            groove = QRectF(bar_left, top + 9, bar_width, 6)
            painter.fillRect(groove, QColor(theme.raised))
            if i >= len(self._scores):
                continue
            label, score = self._scores[i]
            painter.fillRect(
                QRectF(bar_left, top + 9, max(bar_width * score, 1), 6),
                QColor(theme.accent if i == 0 else theme.secondary),
            )
            painter.setFont(font(10.0, bold=i == 0))
            painter.setPen(QColor(theme.text if i == 0 else theme.secondary))
            room = QRectF(0, top, self.LABEL_WIDTH, self.ROW)
            text = painter.fontMetrics().elidedText(
                label.replace("_", " "), Qt.TextElideMode.ElideRight, self.LABEL_WIDTH
            )
            painter.drawText(room, _LEFT, text)
            painter.setFont(font(10.0))
            painter.drawText(QRectF(0, top, self.width(), self.ROW), _RIGHT, f"{100 * score:.0f} %")


class ClassLegend(Painted):
    """The classes on screen with their colours and shares, largest first."""

    ROW = 22

    def __init__(self, theme: Theme, num_rows: int) -> None:
        super().__init__("Classes", theme, self.ROW * num_rows)
        self.num_rows = num_rows
        self._shares: Sequence[tuple[str, float]] = ()

    @property
    def shares(self) -> Sequence[tuple[str, float]]:
        return self._shares

    def show_shares(self, fractions: dict[str, float]) -> None:
        """Show each label's share of the pixels; what is unlabelled comes last."""
        named = [item for item in fractions.items() if item[0] not in UNLABELLED]
        rest = [item for item in fractions.items() if item[0] in UNLABELLED]
        self._shares = [*named[: self.num_rows - len(rest)], *rest]
        words = ", ".join(f"{label} {100 * share:.0f} %" for label, share in fractions.items())
        self.setAccessibleDescription(words or "no segmentation yet")
        self.setToolTip(words)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter, theme = QPainter(self), self._theme
        if not self._shares:
            self.paint_placeholder(painter)
        painter.setFont(font(10.0))
        for i, (label, share) in enumerate(self._shares):
            area = QRectF(0, i * self.ROW, self.width(), self.ROW)
            is_named = label not in UNLABELLED
            painter.fillRect(QRectF(0, area.top() + 5, 12, 12), QColor(*color_of(label)))
            painter.setPen(QColor(theme.text if is_named else theme.secondary))
            painter.drawText(area.adjusted(12 + GRID, 0, -56, 0), _LEFT, label)
            percent = 100 * share
            text = f"{percent:.0f} %" if percent >= 0.95 else "< 1 %"
            painter.drawText(area, _RIGHT, text)


class DepthScale(Painted):
    """The colour map with ticks in metres, near on the left."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Depth scale in metres", theme, 34)
        self._range_m = (0.5, 20.0)
        self._name = "turbo"

    @property
    def range_m(self) -> tuple[float, float]:
        return self._range_m

    def show_scale(self, near_m: float, far_m: float, name: str) -> None:
        """Show the range and colour map of the depth picture."""
        if (near_m, far_m, name) != (*self._range_m, self._name):
            self._range_m, self._name = (near_m, far_m), name
            self.setAccessibleDescription(f"{near_m:g} to {far_m:g} m in {name}")
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter, theme = QPainter(self), self._theme
        pixels = np.ascontiguousarray(colormap(self._name)[::-1])
        strip = QImage(pixels.data, NUM_COLORS, 1, 3 * NUM_COLORS, QImage.Format.Format_RGB888)
        bar = QRectF(0, 0, self.width(), 10)
        painter.drawImage(bar, strip)
        near_m, far_m = self._range_m
        painter.setFont(font(9.0))
        end = -math.inf
        for tick in depth_ticks(near_m, far_m):
            share = math.log(tick / near_m) / math.log(far_m / near_m)
            x = share * (self.width() - 1)
            painter.setPen(QPen(QColor(theme.secondary), 1))
            painter.drawLine(QPointF(x, 10), QPointF(x, 14))
            text = metres_text(tick)
            width = painter.fontMetrics().horizontalAdvance(text)
            left = min(max(x - width / 2, 0), self.width() - width)
            if left < end + 6:
                continue
            end = left + width
            painter.drawText(QRectF(left, 15, width + 1, 18), Qt.AlignmentFlag.AlignCenter, text)
