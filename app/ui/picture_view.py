"""PictureView: shows an (H, W, 3) picture as large as fits, every pixel a square."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QRegion
from PySide6.QtWidgets import QWidget

from app.render import Image
from app.ui.controls import expanding
from app.ui.theme import GRID, Theme, font


class PictureView(QWidget):
    """The picture, letterboxed on the theme's background, with an optional caption above it.

    Args:
        name: What assistive technology calls it.
        theme: Colours.
        caption: Drawn in a line of its own above the picture; empty for none.
    """

    CAPTION_HEIGHT = 20

    point_picked = Signal(int, int)
    """Column and row of the picture's pixel that was clicked."""
    point_dropped = Signal()
    """A right click: no point is wanted any more."""
    pointed_at = Signal(object)
    """(column, row) of the pixel under the cursor; None when it left the picture."""

    def __init__(self, name: str, theme: Theme, caption: str = "") -> None:
        super().__init__()
        self._theme = theme
        self._caption = caption
        self._placeholder = "" if caption else "waiting for the first window"
        self._pixels: Image | None = None
        self._image: QImage | None = None
        self._takes_points = False
        self._mark: tuple[int, int] | None = None
        self._readout = ""
        self._cursor = QPointF()
        self.setAccessibleName(name)
        self.setSizePolicy(expanding())
        self.setMinimumSize(48, 48)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    @property
    def pixels(self) -> Image | None:
        """The picture that is shown."""
        return self._pixels

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def set_placeholder(self, text: str) -> None:
        """Say why there is nothing to show."""
        self._placeholder = text or "waiting for the first window"
        self.update()

    def show_image(self, pixels: Image | None) -> None:
        """Show ``pixels`` (H, W, 3), which must not change from now on; None shows nothing."""
        if pixels is None:
            self._pixels = self._image = None
        else:
            self._pixels = np.ascontiguousarray(pixels)
            height, width = pixels.shape[:2]
            image = QImage(self._pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
            # Converted at once it costs little; drawn as it is, each painting converts it slowly.
            self._image = image.convertToFormat(QImage.Format.Format_RGB32)
        self.update()

    def picture_area(self) -> QRect:
        """Return where the picture lies: its own aspect, centred in what the caption leaves."""
        top = self.CAPTION_HEIGHT if self._caption else 0
        room = self.rect().adjusted(0, top, 0, 0)
        if self._image is None or room.isEmpty():
            return room
        size = self._image.size().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        if self._caption:  # pictures in a row stand at one height, each under its words
            return QRect(room.topLeft(), size)
        left = room.left() + (room.width() - size.width()) // 2
        return QRect(QPoint(left, room.top() + (room.height() - size.height()) // 2), size)

    # Points

    def set_takes_points(self, takes_points: bool) -> None:
        """Let the mouse point at pixels, or no longer."""
        if takes_points == self._takes_points:
            return
        self._takes_points = takes_points
        self.setMouseTracking(takes_points)
        self.setCursor(Qt.CursorShape.CrossCursor if takes_points else Qt.CursorShape.ArrowCursor)

    def show_mark(self, point: tuple[int, int] | None) -> None:
        """Mark a pixel, (column, row), with a small cross."""
        if point != self._mark:
            self._mark = point
            self.update()

    def show_readout(self, text: str) -> None:
        """Write what the pixel under the cursor says beside it; nothing if empty."""
        if text != self._readout:
            self._readout = text
            self.update()

    @property
    def mark(self) -> tuple[int, int] | None:
        return self._mark

    @property
    def readout(self) -> str:
        return self._readout

    def pixel_at(self, place: QPointF) -> tuple[int, int] | None:
        """Return the (column, row) of the picture's pixel at a place of the widget, if any."""
        area = self.picture_area()
        if self._image is None or not QRectF(area).contains(place):
            return None
        column = int((place.x() - area.left()) * self._image.width() / area.width())
        row = int((place.y() - area.top()) * self._image.height() / area.height())
        return min(column, self._image.width() - 1), min(row, self._image.height() - 1)

    def place_of(self, point: tuple[int, int]) -> QPointF:
        """Return where in the widget the middle of a pixel, (column, row), lies."""
        area = self.picture_area()
        if self._image is None:
            return QPointF(area.center())
        x = area.left() + (point[0] + 0.5) * area.width() / self._image.width()
        return QPointF(x, area.top() + (point[1] + 0.5) * area.height() / self._image.height())

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if not self._takes_points:
            super().mousePressEvent(event)
            return
        point = self.pixel_at(event.position())
        if event.button() == Qt.MouseButton.RightButton:
            self.point_dropped.emit()
        elif event.button() == Qt.MouseButton.LeftButton and point is not None:
            self.point_picked.emit(*point)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._takes_points:
            self._cursor = event.position()
            self.pointed_at.emit(self.pixel_at(self._cursor))
            self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        self.pointed_at.emit(None)

    # Painting

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(640, 480)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        theme = self._theme
        area = self.picture_area()
        if self._image is not None:  # what it covers need not be filled
            painter.setClipRegion(QRegion(self.rect()) - QRegion(area))
        painter.fillRect(self.rect(), QColor(theme.background))
        painter.setClipping(False)
        if self._image is not None:
            painter.drawImage(area, self._image)  # nearest neighbour: no smooth transform hint
            self._paint_points(painter, area)
        elif self._caption:
            painter.fillRect(area, QColor(theme.panel))
        elif self._placeholder:
            painter.setFont(font(9.0))
            painter.setPen(QColor(theme.secondary))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self._placeholder)
        if self._caption:
            painter.setFont(font(9.0))
            painter.setPen(QColor(theme.secondary))
            line = QRectF(area.left(), area.top() - self.CAPTION_HEIGHT, self.width(), 0)
            line.setHeight(self.CAPTION_HEIGHT - GRID / 4)
            painter.drawText(line, Qt.AlignmentFlag.AlignBottom, self._caption)

    def _paint_points(self, painter: QPainter, area: QRect) -> None:
        if self._mark is not None:
            middle = self.place_of(self._mark)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for color, width in (("#000000", 4.0), ("#FFFFFF", 1.6)):  # seen on every colour
                painter.setPen(QPen(QColor(color), width))
                for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                    start, end = QPointF(3 * dx, 3 * dy), QPointF(10 * dx, 10 * dy)
                    painter.drawLine(middle + start, middle + end)
        if self._readout:
            painter.setFont(font(10.0))
            room = painter.fontMetrics().boundingRect(self._readout)
            box = QRectF(0, 0, room.width() + 12, room.height() + 6)
            box.moveTopLeft(self._cursor + QPointF(14, 10))
            box.moveRight(min(box.right(), area.right()))
            box.moveBottom(min(box.bottom(), area.bottom()))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self._theme.raised))
            painter.drawRoundedRect(box, 3, 3)
            painter.setPen(QColor(self._theme.text))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._readout)
