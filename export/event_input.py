"""Raw events as an engine's input: four columns, padded to a bucket of rows and kept for reuse.

A bucket is a power of two from 4,096 rows on, so that an engine meets few sizes. A window of more
events than the largest bucket holds loses its oldest ones, which are counted: a camera that floods
the computer still gets an answer, of its newest events. A window of another length than the
engine's is stretched to it, to the microsecond.
"""

from __future__ import annotations

import logging

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
    """Keeps windows to what an engine takes, and counts what that costs.

    Args:
        limit: Events of a window; default: what the largest bucket holds.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self.num_dropped = 0

    @property
    def limit(self) -> int:
        return LARGEST_BUCKET if self._limit is None else self._limit

    def newest(self, packet: EventPacket) -> EventPacket:
        """Return the window without its oldest events where they are too many."""
        excess = len(packet) - self.limit
        if excess <= 0:
            return packet
        if not self.num_dropped:
            logger.warning("a window has %d events: %s", len(packet), self._advice())
        self.num_dropped += excess
        newest = packet.events[excess:]
        return EventPacket(newest, packet.sensor, packet.start_us, packet.end_us)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user must know of it: nothing, or one line."""
        return (
            (f"{self.num_dropped:,} events dropped: {self._advice()}",) if self.num_dropped else ()
        )

    def _advice(self) -> str:
        return f"the engine takes the newest {self.limit:,} of a window; take shorter windows"


def write_columns(packet: EventPacket, window_us: int, out: Columns) -> None:
    """Write the N events of a window, stretched to ``window_us``, to the first N of (4, rows)."""
    _split(packet.words, packet.start_us, window_us, max(packet.duration_us, 1), out)


class EventColumns:
    """Turns windows into columns for the engine of one card.

    Blocks are lent: what is filled stays as it is until it is given back, and one that never is,
    of a window that was dropped, is not used again.
    """

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._free: dict[int, list[Columns]] = {}
        """Blocks by bucket; lists, since one thread fills while another gives back."""
        self.overflow = Overflow()

    def fill(self, packet: EventPacket) -> Columns:
        """Return (4, bucket) int32, -1 behind the last event.

        Raises:
            EngineError: the packet is of another sensor than the engine.
        """
        check_sensor(self._card, packet.sensor)
        packet = self.overflow.newest(packet)
        bucket = bucket_of(len(packet))
        free = self._free.setdefault(bucket, [])
        columns = free.pop() if free else np.empty((4, bucket), np.int32)
        write_columns(packet, self._card.window_us, columns)
        columns[:, len(packet) :] = PADDING
        return columns

    def give_back(self, columns: Columns) -> None:
        """Let columns from ``fill`` be filled again."""
        self._free[columns.shape[1]].append(columns)


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
