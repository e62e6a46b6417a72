"""Latest: the mailbox of one between two threads."""

from __future__ import annotations

import threading
import time
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Hands the newest item from one thread to another and counts what it replaced.

    A late result is worth less than a skipped one, so nothing queues up here: latency
    stays bounded by one item however slow the reader is. A writer that must not lose
    anything uses ``offer``, which waits for the reader instead of replacing.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._num_dropped = 0

    @property
    def num_dropped(self) -> int:
        """Items that were replaced before anybody took them."""
        return self._num_dropped

    def put(self, item: T) -> T | None:
        """Make ``item`` the newest; return the one that it replaced, if any."""
        with self._changed:
            replaced, self._item = self._item, item
            self._num_dropped += replaced is not None
            self._changed.notify_all()
            return replaced

    def offer(self, item: T, timeout_s: float) -> bool:
        """Put ``item`` once the mailbox is empty; False if it was not within ``timeout_s``."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._item is None, timeout_s):
                return False
            self._item = item
            self._changed.notify_all()
            return True

    def take(self, timeout_s: float = 0.0) -> T | None:
        """Remove and return the newest item; None if none came within ``timeout_s``."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while self._item is None:
                remaining_s = deadline_s - time.monotonic()
                if remaining_s <= 0 or not self._changed.wait(remaining_s):
                    break
            item, self._item = self._item, None
            if item is not None:
                self._changed.notify_all()
            return item
