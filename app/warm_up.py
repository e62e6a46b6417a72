"""Compiles (the first time ever) or loads the drawing kernels, off the GUI's thread."""

from __future__ import annotations

import threading

import numpy as np

from app.filter_choices import FILTERS
from app.render import (
    accumulated_image,
    depth_image,
    overlay_picture,
    overlay_segmentation,
    surface_image,
    voxel_image,
)
from app.token_view import TokenView
from events.filters import preview
from events.packet import EventPacket, SensorSize, pack_events
from events.representations.letterbox import Letterbox
from models.results import Depth, Segmentation, TokenMap


class WarmUp:
    """Draws everything once, very small, in a thread of its own."""

    def __init__(self) -> None:
        self._thread = threading.Thread(target=draw_everything, name="saccade-warm-up", daemon=True)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether drawing will not be held up by the compiler."""
        return not self._thread.is_alive()

    def join(self) -> None:
        """Wait for the end; seconds at worst."""
        self._thread.join()


def draw_everything() -> None:
    """Call every kernel with the types that the window uses."""
    sensor = SensorSize(4, 4)
    packet = EventPacket(pack_events([0, 1], [0, 1], [0, 1], [0, 1]), sensor, 0, 10)
    newest_us, polarity = np.zeros((4, 4), np.int64), np.zeros((4, 4), np.uint8)
    image = surface_image(newest_us, polarity, 5, decay_us=10)
    overlay_segmentation(image, Segmentation(polarity, ("crate",)))
    overlay_picture(image, image.copy())
    depth_image(Depth(np.ones((4, 4), np.float32)), near_m=0.5, far_m=2.0)
    view, features = TokenView(), np.ones((3, 4, 4), np.float32)
    for anchor in (None, (0, 0)):
        view.set_anchor(anchor)
        view.paint(TokenMap(features, Letterbox(sensor, 4, 4)))
    accumulated_image(packet)
    voxel_image(packet)
    preview([choice.config for choice in FILTERS.values()], [packet])
