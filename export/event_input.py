"""Raw events as an engine's input: four columns, padded to a bucket of rows and kept for reuse.

A bucket is a power of two from 4,096 rows on, so that an engine meets few sizes. A window of more
events than the largest bucket holds loses its oldest ones, which are counted: a camera that floods
the computer still gets an answer, of its newest events. A window of another length than the
engine's is stretched to it, to the microsecond.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from events.packet import EventPacket, SensorSize
from export.backends.backend import EngineError
from models.card import ModelCard

COLUMNS = ("t", "x", "y", "p")
"""Names of an engine's inputs where it takes raw events."""
NUM_EVENTS = "num_events"
"""Name of their one dimension."""
PADDING = -1
SMALLEST_BUCKET, LARGEST_BUCKET = 2**12, 2**23
NUM_SLOTS = 2
"""Blocks of each bucket: one is filled while an engine reads the other."""

logger = logging.getLogger(__name__)
Columns = npt.NDArray[np.int32]


def bucket_of(num_events: int) -> int:
    """Return how many rows a window of ``num_events`` is padded to."""
    return min(max(SMALLEST_BUCKET, 1 << max(num_events - 1, 0).bit_length()), LARGEST_BUCKET)


def check_sensor(card: ModelCard, sensor: SensorSize) -> None:
    """Raise EngineError unless an engine that takes raw events takes those of ``sensor``."""
    if card.sensor != (sensor.width, sensor.height):
        width, height = card.sensor or (0, 0)
        raise EngineError(
            f"{card.name} takes raw events of a {width}x{height} sensor, got {sensor}: "
            f"export it again with --events {sensor}"
        )


class Overflow:
    """Keeps windows to the largest bucket, and counts what that costs."""

    def __init__(self) -> None:
        self.num_dropped = 0

    def newest(self, packet: EventPacket) -> EventPacket:
        """Return the window without its oldest events where they are too many."""
        excess = len(packet) - LARGEST_BUCKET
        if excess <= 0:
            return packet
        if not self.num_dropped:
            logger.warning("a window has %d events: %s", len(packet), _limit())
        self.num_dropped += excess
        newest = packet.events[excess:]
        return EventPacket(newest, packet.sensor, packet.start_us, packet.end_us)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user must know of it: nothing, or one line."""
        return (f"{self.num_dropped:,} events dropped: {_limit()}",) if self.num_dropped else ()


def _limit() -> str:
    return f"the engine takes the newest {LARGEST_BUCKET:,} of a window; take shorter windows"


@dataclass(slots=True)
class _Block:
    rows: Columns
    """(4, bucket): t, x, y, p."""
    num_events: int = 0
    """Rows that are not padding."""


class EventColumns:
    """Turns windows into columns for the engine of one card."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._blocks: dict[tuple[int, int], _Block] = {}
        self._slot = 0
        self.overflow = Overflow()

    def fill(self, packet: EventPacket) -> Columns:
        """Return (4, bucket) int32, -1 behind the last event; good until NUM_SLOTS calls later.

        Raises:
            EngineError: the packet is of another sensor than the engine.
        """
        check_sensor(self._card, packet.sensor)
        packet = self.overflow.newest(packet)
        self._slot = (self._slot + 1) % NUM_SLOTS
        key = (self._slot, bucket_of(len(packet)))
        if key not in self._blocks:
            self._blocks[key] = _Block(np.full((4, key[1]), PADDING, np.int32))
        block, duration_us = self._blocks[key], max(packet.duration_us, 1)
        num, window_us = len(packet), self._card.window_us
        _split(packet.words, packet.start_us, window_us, duration_us, block.rows)
        block.rows[:, num : block.num_events] = PADDING
        block.num_events = num
        return block.rows


@nb.njit(nogil=True, cache=True, error_model="numpy")
def _split(
    words: npt.NDArray[np.int64], start_us: int, window_us: int, duration_us: int, out: Columns
) -> None:
    """Write the columns of EventPacket.words (N, 2) to the first N of ``out`` (4, bucket)."""
    is_stretched = window_us != duration_us
    for i in range(len(words)):
        t_us, word = words[i, 0] - start_us, words[i, 1]
        out[0, i] = t_us * window_us // duration_us if is_stretched else t_us
        out[1, i] = word & 0xFFFF
        out[2, i] = (word >> 16) & 0xFFFF
        out[3, i] = (word >> 32) & 1
