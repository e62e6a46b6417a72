"""MillisecondIndex: DSEC's ``ms_to_idx``, made while events come."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from events.recordings.recording import MAX_QUIET_US

_NO_MORE_MS = 1 << 62


class MillisecondIndex:
    """Entry m is the row of the first event at or after millisecond m.

    It ends before the first silence of more than MAX_QUIET_US: a clock may jump by years.
    """

    def __init__(self) -> None:
        self._next_ms = 0

    def rows(self, t: npt.NDArray[np.int64], num_before: int) -> npt.NDArray[np.uint64]:
        """Return the entries that are known once these events have come.

        Args:
            t: (N,) microseconds from the recording's start, N > 0, in order and after those before.
            num_before: Rows of the events before.
        """
        silences = np.diff(t, prepend=max(self._next_ms - 1, 0) * 1000) > MAX_QUIET_US
        if self._next_ms < _NO_MORE_MS and silences.any():
            t = t[: int(silences.argmax())]
            return np.concatenate([self._upto(t, num_before), self.end(num_before + len(t))])
        return self._upto(t, num_before)

    def end(self, row: int) -> npt.NDArray[np.uint64]:
        """Return the last entry, if it is still missing: where the events end."""
        num_entries = 1 if self._next_ms < _NO_MORE_MS else 0
        self._next_ms = _NO_MORE_MS
        return np.full(num_entries, row, np.uint64)

    def _upto(self, t: npt.NDArray[np.int64], num_before: int) -> npt.NDArray[np.uint64]:
        stop_ms = int(t[-1]) // 1000 + 1 if len(t) else self._next_ms
        starts_us = np.arange(self._next_ms, stop_ms, dtype=np.int64) * 1000
        self._next_ms = max(self._next_ms, stop_ms)
        return (np.searchsorted(t, starts_us) + num_before).astype(np.uint64)
