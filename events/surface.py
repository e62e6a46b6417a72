"""Surface: each pixel's newest event, kept current for display."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from events.packet import NEVER_US, EventPacket, SensorSize


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
        self.num_events = 0
        """Events since the last ``clear``."""
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
        _add(packet.words, self.newest_us, self.polarity)
        self.num_events += len(packet)
        self.clock_us = packet.end_us

    def clear(self) -> None:
        """Forget all events."""
        self.newest_us[:] = NEVER_US
        self.num_events = 0


@nb.njit(nogil=True, cache=True)
def _add(
    words: npt.NDArray[np.int64],
    newest_us: npt.NDArray[np.int64],
    polarity: npt.NDArray[np.uint8],
) -> None:
    height, width = newest_us.shape
    low16 = np.uint64(0xFFFF)
    last_x, last_y = np.uint64(width - 1), np.uint64(height - 1)
    for i in range(len(words)):
        word = np.uint64(words[i, 1])
        x = min(word & low16, last_x)
        y = min((word >> np.uint64(16)) & low16, last_y)
        newest_us[y, x] = words[i, 0]
        polarity[y, x] = (word >> np.uint64(32)) & np.uint64(1)
