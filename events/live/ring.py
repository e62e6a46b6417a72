"""EventRing: a bounded queue of events in memory that two processes share.

One process writes, the other one reads; neither waits. The memory has no name in any folder: it
goes when the last process that has it open ends, however that comes about.
"""

from __future__ import annotations

import mmap
import os
import tempfile

import numpy as np

from events.packet import EVENT_DTYPE, EventArray

CAPACITY = 1 << 21
"""Events: 32 MB, a fifth of a second at 10 million a second: a reader may be held up so long."""
MIN_CAPACITY = 1 << 12
HEAD_BYTES = mmap.PAGESIZE
WRITTEN, READ = 0, 64 // 8
"""Where in the head, in int64, the two counts lie: on cache lines of their own."""


def make_memory(capacity: int = CAPACITY) -> int:
    """Return the file descriptor of new memory for a ring; the caller closes it.

    A limit on the size of files (``ulimit -f``) holds for it too: the ring is smaller then.

    Raises:
        OSError: there is no memory even for MIN_CAPACITY events.
    """
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("saccade-events")
    else:
        with tempfile.TemporaryFile() as file:  # has lost its name already
            memory = os.dup(file.fileno())
    while True:
        try:
            os.ftruncate(memory, HEAD_BYTES + capacity * EVENT_DTYPE.itemsize)
        except OSError:
            if capacity <= MIN_CAPACITY:
                os.close(memory)
                raise
            capacity //= 2
        else:
            return memory


class EventRing:
    """One end of the queue; both ends count events since the beginning."""

    def __init__(self, memory: int) -> None:
        """Map memory of ``make_memory``; its file descriptor may be closed afterwards."""
        mapped = mmap.mmap(memory, os.fstat(memory).st_size)
        self._counts = np.frombuffer(mapped, np.int64, READ + 1)
        self._words = np.frombuffer(mapped, np.int64, offset=HEAD_BYTES).reshape(-1, 2)

    @property
    def capacity(self) -> int:
        """Events that it holds at most."""
        return len(self._words)

    @property
    def num_unread(self) -> int:
        """Events that were written and not read yet."""
        return int(self._counts[WRITTEN] - self._counts[READ])

    def write(self, events: EventArray) -> bool:
        """Append contiguous ``events``; False, and nothing is written, where there is no room."""
        if len(events) > self.capacity - self.num_unread:
            return False
        words = events.view(np.int64).reshape(-1, 2)
        first = int(self._counts[WRITTEN]) % self.capacity
        num_before_end = min(len(words), self.capacity - first)
        self._words[first : first + num_before_end] = words[:num_before_end]
        self._words[: len(words) - num_before_end] = words[num_before_end:]
        self._counts[WRITTEN] += len(words)
        return True

    def read(self, num: int) -> EventArray:
        """Remove and return the oldest ``num`` events, which must have been written."""
        assert num <= self.num_unread, f"{num} of {self.num_unread} events"
        words = np.empty((num, 2), np.int64)
        first = int(self._counts[READ]) % self.capacity
        num_before_end = min(num, self.capacity - first)
        words[:num_before_end] = self._words[first : first + num_before_end]
        words[num_before_end:] = self._words[: num - num_before_end]
        self._counts[READ] += num
        events: EventArray = words.view(EVENT_DTYPE).reshape(-1)
        return events
