"""The contract between a live source and what reads its device: in this process, or in a child."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from events.live.controls import Control, Value
from events.packet import EventArray, SensorSize


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The device or server has answered."""

    name: str
    sensor: SensorSize
    controls: tuple[Control, ...] = ()
    """What a camera lets itself be set, with its values on opening."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """What one look at the device found; no events says that there were none."""

    events: EventArray
    """(N,) sorted, inside the sensor."""
    looked_us: int
    """When the device was looked at, on this machine's monotonic clock."""
    num_lost: int = 0
    """Events dropped since the batch before: outside the sensor, or for lack of a reader."""
    backlog_events: int = 0
    """Events read from the device that wait behind this batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The connection is gone, or was never made."""

    reason: str


CLOSED = "the other side closed the connection"
"""The reason of an end that nobody here asked for: an unplugged camera, a server that is gone."""

Report = Opened | Batch | Ended


class Acquisition(Protocol):
    """Reads one device or server.

    Calls come from one thread at a time, but for ``controls`` and ``set_control``: those are for
    any thread.
    """

    def connect(self) -> None:
        """Begin to connect; ``poll`` then tells of Opened, or of Ended."""
        ...

    def poll(self, timeout_s: float) -> list[Report]:
        """Return what has happened, oldest first; waits up to ``timeout_s`` when nothing has."""
        ...

    def close(self) -> None:
        """Let go of the device within 0.5 s; harmless when called twice."""
        ...

    def controls(self) -> list[Control]:
        """Return what the open camera lets itself be set, with its present values."""
        ...

    def set_control(self, name: str, value: Value) -> Control:
        """Set one control and return it as the camera then has it.

        Raises:
            ValueError: the camera is not open, has no such control, or it takes no such value.
        """
        ...


def monotonic_us() -> int:
    """Return this machine's monotonic clock in microseconds: one for all of its processes."""
    return time.monotonic_ns() // 1000
