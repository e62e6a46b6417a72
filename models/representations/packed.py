"""Packed windows: raw events as they lie in memory behind a header, one block to upload.

Row 0 of the (2 + N, 2) int64 rows is (start_us, duration_us), row 1 (number of events, 0); then
EventPacket.words. What lies behind the last event is never read: nothing need be cleared.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket

NUM_HEADER_ROWS = 2
LOW_16 = 0xFFFF

Rows = npt.NDArray[np.int64]


def pack(packet: EventPacket, out: Rows | None = None) -> Rows:
    """Return a packet as packed rows.

    Args:
        packet: Events of one window, which is its span.
        out: (2 + N, 2) int64 to overwrite instead of making a new array; N at least the packet's.
    """
    words = packet.words
    if out is None:  # room for one event: kernels are not launched for none
        out = np.empty((NUM_HEADER_ROWS + max(len(words), 1), 2), np.int64)
    out[0] = packet.start_us, max(packet.duration_us, 1)
    out[1] = len(words), 0
    out[NUM_HEADER_ROWS : NUM_HEADER_ROWS + len(words)] = words
    return out
