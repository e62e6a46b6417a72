"""SensorGuess: a sensor's size from where its events are, for files that do not say it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from events.packet import SensorSize

KNOWN_SENSORS = (
    SensorSize(128, 128),  # DVS128
    SensorSize(240, 180),  # DAVIS240
    SensorSize(304, 240),  # ATIS
    SensorSize(320, 240),  # DVXplorer Lite
    SensorSize(320, 320),  # Prophesee GenX320
    SensorSize(346, 260),  # DAVIS346
    SensorSize(480, 320),  # CeleX, Prophesee Gen3 HVGA
    SensorSize(640, 480),  # DVXplorer, Prophesee Gen3 VGA
    SensorSize(768, 640),  # CeleX-IV
    SensorSize(1280, 720),  # Prophesee Gen4, IMX636
    SensorSize(1280, 800),  # CeleX-V
)
"""Of formats that any camera's events may be in, smallest first."""
_MAX_SIDE = 32_768
_FEW = 10_000
"""One event in so many may lie outside of a known sensor: damage must not make it larger."""


class SensorGuess:
    """Counts the columns and rows of events.

    The rule: the smallest sensor of those known to write the format that holds all but one event in
    10,000; where there is none, the smallest size that holds all events.
    """

    def __init__(self) -> None:
        self._columns = self._rows = np.zeros(1, np.int64)

    def add(self, words: npt.NDArray[np.int64]) -> None:
        """Count the (N, 2) words of events, as EventPacket.words."""
        self._columns = _sum(self._columns, np.bincount(words[:, 1] & 0xFFFF))
        self._rows = _sum(self._rows, np.bincount(words[:, 1] >> 16 & 0xFFFF))

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
        return SensorSize(min(len(self._columns), _MAX_SIDE), min(len(self._rows), _MAX_SIDE))


def _sum(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the sum of two rows of counts, the shorter one followed by zeros."""
    shorter, longer = sorted((one, other), key=len)
    total = longer.copy()
    total[: len(shorter)] += shorter
    return total
