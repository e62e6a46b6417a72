"""PictureView: shows an (H, W, 3) picture as large as fits, every pixel a square."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
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

    def __init__(self, name: str, theme: Theme, caption: str = "") -> None:
        super().__init__()
        self._theme = theme
        self._caption = caption
        self._placeholder = "" if caption else "waiting for the first window"
        self._pixels: Image | None = None
        self._image: QImage | None = None
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
            self._pixels = np.ascontiguousarray(pixels)  # QImage keeps no reference: we do
            height, width = pixels.shape[:2]
            self._image = QImage(
                self._pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888
            )
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

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(640, 480)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        theme = self._theme
        painter.fillRect(self.rect(), QColor(theme.background))
        area = self.picture_area()
        if self._image is not None:
            painter.drawImage(area, self._image)  # nearest neighbour: no smooth transform hint
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
