"""EventPacket: the events of one sensor in a half-open span of time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

EventArray = np.ndarray[tuple[int], np.dtype[np.void]]

EVENT_DTYPE: np.dtype[np.void] = np.dtype(
    {
        "names": ["t", "x", "y", "p"],
        "formats": ["<i8", "<u2", "<u2", "u1"],
        "offsets": [0, 8, 10, 12],
        "itemsize": 16,
    }
)
"""One event, 16 bytes: the record of AEDAT4, so that a decoded packet needs no copy.

``t`` is in microseconds, ``x`` and ``y`` in pixels from the top-left corner, ``p`` is 1 for
brighter (ON) and 0 for darker (OFF). Bytes 13 to 15 are padding of any value.
"""

NEVER_US = -(2**62)
"""Time of a pixel without events: long ago, and far enough from the end of int64 to subtract."""


@dataclass(frozen=True, slots=True)
class SensorSize:
    """Width and height of a sensor in pixels."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if not (0 < self.width <= 32768 and 0 < self.height <= 32768):
            raise ValueError(
                f"sensor size must lie between 1x1 and 32768x32768, got {self.width}x{self.height}"
            )

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True, eq=False)
class EventPacket:
    """Events of one sensor with ``start_us <= t < end_us``, sorted by time.

    Consecutive packets of a stream touch: the next one's ``start_us`` is this one's ``end_us``.
    A packet that starts elsewhere says that the stream jumped (a seek, a loop, a reconnect).
    Time passes in empty packets too.
    """

    events: EventArray
    """(N,) of EVENT_DTYPE, read-only, sorted by ``t``."""
    sensor: SensorSize
    start_us: int
    end_us: int
    """One past the last microsecond of the span."""
    num_lost: int = 0
    """Events known to be missing from this span: dropped by a driver, or damaged on disk."""

    def __post_init__(self) -> None:
        if self.events.dtype != EVENT_DTYPE:
            raise TypeError(f"events must have EVENT_DTYPE, got {self.events.dtype}")
        if self.end_us < self.start_us:
            raise ValueError(f"span [{self.start_us}, {self.end_us}) us ends before it starts")
        self.events.flags.writeable = False

    def __len__(self) -> int:
        return len(self.events)

    @property
    def t(self) -> npt.NDArray[np.int64]:
        """(N,) timestamps in microseconds; a view."""
        return self.events["t"]

    @property
    def x(self) -> npt.NDArray[np.uint16]:
        """(N,) columns in pixels from the left; a view."""
        return self.events["x"]

    @property
    def y(self) -> npt.NDArray[np.uint16]:
        """(N,) rows in pixels from the top; a view."""
        return self.events["y"]

    @property
    def p(self) -> npt.NDArray[np.uint8]:
        """(N,) polarities, 1 brighter and 0 darker; a view."""
        return self.events["p"]

    @property
    def words(self) -> npt.NDArray[np.int64]:
        """(N, 2) the same bytes as int64: ``t``; ``x | y << 16 | p << 32`` in the low 40 bits."""
        return self.events.view(np.int64).reshape(-1, 2)

    @property
    def duration_us(self) -> int:
        """Length of the span."""
        return self.end_us - self.start_us

    def between(self, start_us: int, end_us: int) -> EventPacket:
        """Return the part in [start_us, end_us) as a view, its span clipped to this packet's."""
        start_us = min(max(start_us, self.start_us), self.end_us)
        end_us = min(max(end_us, start_us), self.end_us)
        first, last = np.searchsorted(self.t, (start_us, end_us))
        return EventPacket(self.events[first:last], self.sensor, start_us, end_us)


def pack_events(
    t: npt.ArrayLike, x: npt.ArrayLike, y: npt.ArrayLike, p: npt.ArrayLike
) -> EventArray:
    """Return the four columns as one (N,) array of EVENT_DTYPE."""
    t = np.asarray(t)
    events: Any = np.zeros(len(t), EVENT_DTYPE)
    events["t"], events["x"], events["y"], events["p"] = t, x, y, p
    packed: EventArray = events
    return packed


def join_events(parts: Sequence[EventArray]) -> EventArray:
    """Return arrays of EVENT_DTYPE as one, padding bytes included; a lone one as it is."""
    if len(parts) == 1:
        return parts[0]
    # As plain words: numpy would copy field by field and leave garbage in between.
    words: Any = np.concatenate(
        [np.empty(0, np.int64), *(np.ascontiguousarray(part).view(np.int64) for part in parts)]
    )
    joined: EventArray = words.view(EVENT_DTYPE)
    return joined


def copy_events(events: EventArray, out: EventArray) -> EventArray:
    """Copy ``events`` to the front of ``out``, padding bytes included; return that part of it.

    Both contiguous. numpy's own copy of such arrays goes field by field and takes 25 times as long.
    """
    part = out[: len(events)]
    part.view(np.int64)[:] = events.view(np.int64)
    return part


def empty_packet(sensor: SensorSize, start_us: int, end_us: int) -> EventPacket:
    """Return a packet without events: time that passed in a quiet scene."""
    return EventPacket(np.empty(0, EVENT_DTYPE), sensor, start_us, end_us)


def join(packets: Sequence[EventPacket]) -> EventPacket:
    """Return touching packets of one sensor as one packet.

    Raises:
        ValueError: ``packets`` is empty, or a packet does not start where the one before it ends.
    """
    if not packets:
        raise ValueError("join needs at least one packet, got none")
    for before, after in itertools.pairwise(packets):
        if after.start_us != before.end_us:
            raise ValueError(
                f"packets must touch, got one that ends at {before.end_us} us and a next "
                f"one that starts at {after.start_us} us"
            )
    if len(packets) == 1:
        return packets[0]
    return EventPacket(
        join_events([packet.events for packet in packets]),
        packets[0].sensor,
        packets[0].start_us,
        packets[-1].end_us,
        sum(packet.num_lost for packet in packets),
    )
