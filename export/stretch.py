"""A stretch of real windows as network input, to compare engines on."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket, SensorSize, pack_events
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
    for packet in packets_of(source, card, num_windows):
        letterbox = Letterbox(packet.sensor, card.input_height, card.input_width)
        yield card.spec.network_input(packet, letterbox).copy()


def packets_of(source: Source, card: ModelCard, num_windows: int) -> Iterator[EventPacket]:
    """Yield the same windows as raw events, brought to the card's sensor where it has one."""
    stride_us = card.stride_us if card.is_streaming else max(card.window_us // 2, 1)
    config = WindowConfig(length_us=card.window_us, stride_us=stride_us)
    with source:
        if isinstance(source, Seekable):
            source.set_speed(math.inf)
        for window in slide(source.packets(), config):
            packet = window.packet
            yield _on_sensor(packet, SensorSize(*card.sensor)) if card.sensor else packet
            if window.index + 1 == num_windows:
                return


def _on_sensor(packet: EventPacket, sensor: SensorSize) -> EventPacket:
    """Return the packet with its pixels stretched to another sensor."""
    if packet.sensor == sensor:
        return packet
    x = packet.x.astype(np.int64) * sensor.width // packet.sensor.width
    y = packet.y.astype(np.int64) * sensor.height // packet.sensor.height
    events = pack_events(packet.t, x, y, packet.p)
    return EventPacket(events, sensor, packet.start_us, packet.end_us)
