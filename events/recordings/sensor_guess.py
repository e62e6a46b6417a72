"""SensorGuess: a sensor's size from where its events are, for files that do not say it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from events.packet import SensorSize

_MAX_SIDE = 32_768
_FEW = 10_000
"""One event in so many may lie outside of a known sensor: damage must not make it larger."""


class SensorGuess:
    """Counts the columns and rows of events.

    The rule: the smallest sensor of those known to write the format that holds all but one event in
    10,000; where there is none, the smallest size that holds all events.
    """

    def __init__(self) -> None:
        self._columns = np.zeros(1 << 16, np.int64)
        self._rows = np.zeros(1 << 16, np.int64)

    def add(self, words: npt.NDArray[np.int64]) -> None:
        """Count the (N, 2) words of events, as EventPacket.words."""
        for counts, shift in ((self._columns, 0), (self._rows, 16)):
            found = np.bincount(words[:, 1] >> shift & 0xFFFF)
            counts[: len(found)] += found

    def size(self, known: tuple[SensorSize, ...]) -> SensorSize | None:
        """Return the size by the rule; None without events.

        Args:
            known: Sensors that write the format, smallest first.
        """
        num_events = int(self._columns.sum())
        if num_events == 0:
            return None
        for sensor in known:
            outside = self._columns[sensor.width :].sum() + self._rows[sensor.height :].sum()
            if outside * _FEW <= num_events:
                return sensor
        return SensorSize(_last(self._columns) + 1, _last(self._rows) + 1)


def _last(counts: npt.NDArray[np.int64]) -> int:
    """Return the last place that was counted inside of the largest sensor; 0 without one."""
    found = np.flatnonzero(counts[:_MAX_SIDE])
    return int(found[-1]) if len(found) else 0
