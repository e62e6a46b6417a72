"""Surface: each pixel's newest event and event count, kept current for display."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from events.packet import EventPacket, SensorSize

NEVER_US = -(2**62)
"""Time of a pixel without events: long ago, and far enough from the end of int64 to subtract."""


class Surface:
    """Takes packets in the stream's order; a jump clears it.

    One thread adds; others may read at any time and see at worst a packet that is half drawn.
    """

    def __init__(self, sensor: SensorSize) -> None:
        shape = (sensor.height, sensor.width)
        self.sensor = sensor
        self.newest_us = np.full(shape, NEVER_US, np.int64)
        """(H, W) time of the newest event, NEVER_US where there was none."""
        self.polarity = np.zeros(shape, np.uint8)
        """(H, W) its polarity, 1 brighter and 0 darker."""
        self.accumulated = np.zeros(shape, np.int32)
        """(H, W) ON minus OFF events since the last ``clear_accumulated``."""
        self.num_events = 0
        """Events since the last ``clear_accumulated``."""
        self.clock_us = 0
        """End of the last packet."""
        self._is_started = False

    def add(self, packet: EventPacket) -> None:
        """Draw a packet.

        Raises:
            ValueError: the packet is of another sensor: make a new surface.
        """
        if packet.sensor != self.sensor:
            raise ValueError(f"the surface is {self.sensor}, got a packet of {packet.sensor}")
        if self._is_started and packet.start_us != self.clock_us:
            self.clear()
        self._is_started = True
        _add(packet.words, self.newest_us, self.polarity, self.accumulated)
        self.num_events += len(packet)
        self.clock_us = packet.end_us

    def clear(self) -> None:
        """Forget all events."""
        self.newest_us[:] = NEVER_US
        self.clear_accumulated()

    def clear_accumulated(self) -> None:
        """Count from zero again."""
        self.accumulated[:] = 0
        self.num_events = 0

    def decayed(
        self, now_us: int, tau_us: float, out: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]:
        """Return (H, W) float32 in [-1, 1]: the newest event's sign times exp(-age / tau_us).

        Pixels without events, and events after ``now_us``, are 0.
        """
        if not tau_us > 0:
            raise ValueError(f"tau_us must be positive, got {tau_us}")
        if out is None:
            out = np.empty(self.newest_us.shape, np.float32)
        _decay(self.newest_us, self.polarity, now_us, -1.0 / tau_us, out)
        return out


@nb.njit(nogil=True, cache=True)
def _add(
    words: npt.NDArray[np.int64],
    newest_us: npt.NDArray[np.int64],
    polarity: npt.NDArray[np.uint8],
    accumulated: npt.NDArray[np.int32],
) -> None:
    height, width = newest_us.shape
    low16, one = np.uint64(0xFFFF), np.uint64(1)
    last_x, last_y = np.uint64(width - 1), np.uint64(height - 1)
    for i in range(len(words)):
        word = np.uint64(words[i, 1])
        x = min(word & low16, last_x)
        y = min((word >> np.uint64(16)) & low16, last_y)
        on = (word >> np.uint64(32)) & one
        newest_us[y, x] = words[i, 0]
        polarity[y, x] = on
        accumulated[y, x] += np.int32(on << one) - np.int32(1)


@nb.njit(nogil=True, cache=True, fastmath={"contract", "afn"})
def _decay(
    newest_us: npt.NDArray[np.int64],
    polarity: npt.NDArray[np.uint8],
    now_us: int,
    rate: float,
    out: Any,
) -> None:
    for y in range(newest_us.shape[0]):
        for x in range(newest_us.shape[1]):
            age_us = now_us - newest_us[y, x]
            level = np.exp(np.float32(age_us) * np.float32(rate))
            sign = np.float32(2) * np.float32(polarity[y, x]) - np.float32(1)
            out[y, x] = level * sign if age_us >= 0 else np.float32(0)
