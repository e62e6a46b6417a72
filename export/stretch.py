"""A stretch of real windows as network input, to compare engines on."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from events.representations.letterbox import Letterbox
from events.sources.source import Seekable, Source
from events.windows import WindowConfig, slide
from models.card import ModelCard


def grids_of(
    source: Source, card: ModelCard, num_windows: int
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield up to ``num_windows`` new (C, input_height, input_width) grids.

    They are half a window apart; those of a network that streams, its stride.

    Args:
        source: Opened and closed here.
        card: Says how windows become grids.
        num_windows: At least 1.
    """
    stride_us = card.stride_us if card.is_streaming else max(card.window_us // 2, 1)
    config = WindowConfig(length_us=card.window_us, stride_us=stride_us)
    with source:
        if isinstance(source, Seekable):
            source.set_speed(math.inf)
        letterbox = Letterbox(source.sensor, card.input_height, card.input_width)
        for window in slide(source.packets(), config):
            yield card.spec.network_input(window.packet, letterbox).copy()
            if window.index + 1 == num_windows:
                return
