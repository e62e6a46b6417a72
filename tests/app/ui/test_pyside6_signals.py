from __future__ import annotations

import sys

import numpy as np
from PySide6 import QtCore

from app.ui.picture_view import PictureView
from app.ui.theme import THEMES


class Sender(QtCore.QObject):
    happened = QtCore.Signal()


def test_emitting_a_signal_keeps_the_references_to_true() -> None:
    """PySide6 6.12.0 on Python 3.11 drops one for each emit, and the process aborts after 500."""
    sender = Sender()
    before = sys.getrefcount(True)
    for _ in range(50):
        sender.happened.emit()
    assert sys.getrefcount(True) > before - 25


class CountingView(PictureView):
    num_painted = 0

    def paintEvent(self, event):  # noqa: N802
        super().paintEvent(event)
        self.num_painted += 1


def test_painting_pictures_keeps_the_references_to_none(qtbot) -> None:
    view = CountingView("picture", THEMES["dark"])
    qtbot.addWidget(view)
    view.show()
    qtbot.waitUntil(lambda: view.num_painted > 0)
    pixels, before = np.zeros((30, 40, 3), np.uint8), sys.getrefcount(None)
    for _ in range(2_000):
        view.show_image(pixels)
        view.repaint()
    assert view.num_painted > 2_000
    assert abs(sys.getrefcount(None) - before) < 400
