"""EventBlocks: memory for events that is used again once no array shows it any more.

Fresh memory costs more than what is copied into it, since the system clears it page by page: in a
burst of events a reader that took fresh memory for each block fell hundreds of milliseconds behind.
"""

from __future__ import annotations

import weakref

import numpy as np

from events.packet import EVENT_DTYPE, EventArray

MOST_SPARE = 8
"""A block so many times as large as what is asked for is of a burst that is over: given up."""
NUM_KEPT = 4
"""Blocks that wait at the most: windows on their way, and one being filled."""


class EventBlocks:
    """Lends arrays; they need not be given back. One thread borrows, any may drop a view."""

    def __init__(self) -> None:
        self._free: list[memoryview] = []

    def lend(self, num_events: int) -> EventArray:
        """Return at least ``num_events`` events of any content.

        Their memory is lent again when neither the array nor a view of it is left.
        """
        # A power of two, so that a need that changes a little finds what was used before.
        memory = self._take(EVENT_DTYPE.itemsize << max(num_events - 1, 0).bit_length())
        # Views refer to this array and not beyond it, since a memoryview is no array.
        events: EventArray = np.frombuffer(memory, EVENT_DTYPE)
        weakref.finalize(events, self._free.append, memory).atexit = False
        return events

    def _take(self, num_bytes: int) -> memoryview:
        waiting = [self._free.pop() for _ in range(len(self._free))]  # more may come meanwhile
        fitting = [each for each in waiting if num_bytes <= each.nbytes <= MOST_SPARE * num_bytes]
        fitting.sort(key=lambda each: each.nbytes)
        if not fitting:
            return np.empty(num_bytes, np.uint8).data
        self._free.extend(fitting[1:NUM_KEPT])
        return fitting[0]
