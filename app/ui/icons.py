"""Icons drawn on a 16 x 16 grid with one line weight, in any colour; no fonts, no files."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

SIZE = 16
WEIGHT = 1.5
_SCALE = 3
"""Pixmaps are drawn this much larger, so that they stay sharp on dense screens."""


def icon(name: str, color: str, *, disabled: str | None = None) -> QIcon:
    """Return the icon ``name``; KeyError if there is none."""
    result = QIcon(_pixmap(name, color))
    if disabled is not None:
        result.addPixmap(_pixmap(name, disabled), QIcon.Mode.Disabled)
    return result


def blank() -> QIcon:
    """Return an icon that shows nothing but keeps its place."""
    pixmap = QPixmap(SIZE, SIZE)
    pixmap.fill(Qt.GlobalColor.transparent)
    return QIcon(pixmap)


def draw(name: str, painter: QPainter, area: QRectF, color: QColor) -> None:
    """Draw the icon ``name`` into ``area``."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(area.topLeft())
    painter.scale(area.width() / SIZE, area.height() / SIZE)
    pen = QPen(color, WEIGHT)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    ICONS[name](painter, color)
    painter.restore()


def _pixmap(name: str, color: str) -> QPixmap:
    pixmap = QPixmap(SIZE * _SCALE, SIZE * _SCALE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    draw(name, painter, QRectF(0, 0, SIZE * _SCALE, SIZE * _SCALE), QColor(color))
    painter.end()
    pixmap.setDevicePixelRatio(_SCALE)
    return pixmap


def _lines(painter: QPainter, *points: tuple[float, float], closed: bool = False) -> None:
    polygon = QPolygonF([QPointF(x, y) for x, y in points])
    if closed:
        painter.drawPolygon(polygon)
    else:
        painter.drawPolyline(polygon)


def _filled(painter: QPainter, color: QColor, *points: tuple[float, float]) -> None:
    painter.setBrush(color)
    _lines(painter, *points, closed=True)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _play(painter: QPainter, color: QColor) -> None:
    _filled(painter, color, (5, 3.5), (12.5, 8), (5, 12.5))


def _pause(painter: QPainter, color: QColor) -> None:
    for left in (4.0, 9.5):
        painter.fillRect(QRectF(left, 3, 2.8, 10), color)


def _step_forward(painter: QPainter, color: QColor) -> None:
    _filled(painter, color, (4, 4), (9.5, 8), (4, 12))
    _lines(painter, (12, 4), (12, 12))


def _step_back(painter: QPainter, color: QColor) -> None:
    _filled(painter, color, (12, 4), (6.5, 8), (12, 12))
    _lines(painter, (4, 4), (4, 12))


def _loop(painter: QPainter, color: QColor) -> None:
    path = QPainterPath(QPointF(2.5, 8))
    path.cubicTo(2.5, 4.5, 5, 4, 7, 4)
    path.lineTo(12.5, 4)
    path.moveTo(13.5, 8)
    path.cubicTo(13.5, 11.5, 11, 12, 9, 12)
    path.lineTo(3.5, 12)
    painter.drawPath(path)
    _lines(painter, (10.5, 2), (12.7, 4), (10.5, 6))
    _lines(painter, (5.5, 10), (3.3, 12), (5.5, 14))


def _record(painter: QPainter, color: QColor) -> None:
    painter.setBrush(color)
    painter.drawEllipse(QPointF(8, 8), 4, 4)


def _stop(painter: QPainter, color: QColor) -> None:
    painter.fillRect(QRectF(4, 4, 8, 8), color)


def _file(painter: QPainter, color: QColor) -> None:
    _lines(painter, (4, 2), (9.5, 2), (12.5, 5), (12.5, 14), (4, 14), closed=True)
    _lines(painter, (9.5, 2), (9.5, 5), (12.5, 5))


def _camera(painter: QPainter, color: QColor) -> None:
    painter.drawRoundedRect(QRectF(1.8, 4.5, 12.4, 8.5), 1.5, 1.5)
    painter.drawEllipse(QPointF(8, 8.8), 2.4, 2.4)
    _lines(painter, (5.5, 4.5), (6.3, 2.8), (9.7, 2.8), (10.5, 4.5))


def _network(painter: QPainter, color: QColor) -> None:
    painter.drawEllipse(QRectF(2, 2, 12, 12))
    painter.drawEllipse(QRectF(5.4, 2, 5.2, 12))
    _lines(painter, (2.2, 8), (13.8, 8))


def _synthetic(painter: QPainter, color: QColor) -> None:
    _lines(painter, (8, 1.8), (13.6, 5), (13.6, 11), (8, 14.2), (2.4, 11), (2.4, 5), closed=True)
    _lines(painter, (2.4, 5), (8, 8.2), (13.6, 5))
    _lines(painter, (8, 8.2), (8, 14.2))


def _eye(painter: QPainter, color: QColor) -> None:
    path = QPainterPath(QPointF(1.5, 8))
    path.quadTo(8, 1, 14.5, 8)
    path.quadTo(8, 15, 1.5, 8)
    painter.drawPath(path)
    painter.setBrush(color)
    painter.drawEllipse(QPointF(8, 8), 1.7, 1.7)


def _chevron(painter: QPainter, color: QColor) -> None:
    _lines(painter, (4.5, 6.5), (8, 10), (11.5, 6.5))


def _check(painter: QPainter, color: QColor) -> None:
    _lines(painter, (3.5, 8.5), (6.5, 11.5), (12.5, 4.5))


def _close(painter: QPainter, color: QColor) -> None:
    _lines(painter, (4, 4), (12, 12))
    _lines(painter, (12, 4), (4, 12))


def _help(painter: QPainter, color: QColor) -> None:
    painter.drawRoundedRect(QRectF(1.5, 4, 13, 8.5), 1.5, 1.5)
    for x in (4.5, 8.0, 11.5):
        painter.drawPoint(QPointF(x, 7))
    _lines(painter, (5, 10), (11, 10))


def _theme(painter: QPainter, color: QColor) -> None:
    painter.drawEllipse(QPointF(8, 8), 5.5, 5.5)
    path = QPainterPath(QPointF(8, 2.5))
    path.arcTo(QRectF(2.5, 2.5, 11, 11), 90, -180)
    path.closeSubpath()
    painter.fillPath(path, color)


def _left_panel(painter: QPainter, color: QColor) -> None:
    painter.drawRoundedRect(QRectF(2, 3, 12, 10), 1.5, 1.5)
    _lines(painter, (6, 3), (6, 13))


def _right_panel(painter: QPainter, color: QColor) -> None:
    painter.drawRoundedRect(QRectF(2, 3, 12, 10), 1.5, 1.5)
    _lines(painter, (10, 3), (10, 13))


def _warning(painter: QPainter, color: QColor) -> None:
    _lines(painter, (8, 2.2), (14.4, 13.4), (1.6, 13.4), closed=True)
    _lines(painter, (8, 6.4), (8, 9.6))
    painter.drawPoint(QPointF(8, 11.5))


def _information(painter: QPainter, color: QColor) -> None:
    painter.drawEllipse(QRectF(2, 2, 12, 12))
    painter.drawPoint(QPointF(8, 5))
    _lines(painter, (8, 7.5), (8, 11))


def _reset(painter: QPainter, color: QColor) -> None:
    painter.drawArc(QRectF(3, 3, 10, 10), 60 * 16, -300 * 16)
    _lines(painter, (7.3, 0.9), (10.4, 3.6), (7.0, 6.2))


ICONS: dict[str, Callable[[QPainter, QColor], None]] = {
    "play": _play,
    "pause": _pause,
    "step_forward": _step_forward,
    "step_back": _step_back,
    "loop": _loop,
    "record": _record,
    "stop": _stop,
    "file": _file,
    "camera": _camera,
    "network": _network,
    "synthetic": _synthetic,
    "eye": _eye,
    "chevron": _chevron,
    "check": _check,
    "close": _close,
    "help": _help,
    "theme": _theme,
    "left_panel": _left_panel,
    "right_panel": _right_panel,
    "warning": _warning,
    "information": _information,
    "reset": _reset,
}
