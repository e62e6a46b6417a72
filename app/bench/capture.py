"""A camera to measure on: a clip's events as dv-processing would hand them over, live.

``python -m app.bench.capture SOCKET RING`` is the child process that reads it (events.live.child).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from app.bench.streams import at_rate, looped, real_clip
from events.live import child
from events.live.child_acquisition import ChildAcquisition
from events.live.dv_reader import DvAcquisition
from events.live.live_source import LiveSource
from events.packet import EventArray

BATCH_US = 5_000
"""As Saccade asks of cameras."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipBatch:
    """What dv-processing's EventStore offers."""

    events: EventArray

    def __len__(self) -> int:
        return len(self.events)

    def numpy(self) -> EventArray:
        return self.events


class ClipCamera:
    """Loops a clip in step with the wall clock; what is not fetched waits, as in a driver."""

    def __init__(self, events_per_s: float) -> None:
        clip, _ = real_clip()
        self._clip = at_rate(clip, events_per_s)
        self._start_us = self._next_us = time.time_ns() // 1000

    def getCameraName(self) -> str:  # noqa: N802
        return "clip"

    def isEventStreamAvailable(self) -> bool:  # noqa: N802
        return True

    def getEventResolution(self) -> tuple[int, int]:  # noqa: N802
        return self._clip.sensor.width, self._clip.sensor.height

    def isRunning(self) -> bool:  # noqa: N802
        return True

    def getNextEventBatch(self) -> ClipBatch | None:  # noqa: N802
        start_us, end_us = self._next_us, self._next_us + BATCH_US
        if time.time_ns() // 1000 < end_us:
            return None
        self._next_us = end_us
        return ClipBatch(looped(self._clip, start_us, end_us))


def clip_source(events_per_s: float, *, in_child: bool) -> LiveSource:
    """Return a live source of a ClipCamera that is read here or in a child process."""
    acquisition = (
        ChildAcquisition(f"clip:{events_per_s}", program=__name__, connect_limit_s=10)
        if in_child
        else DvAcquisition(lambda: ClipCamera(events_per_s))
    )
    return LiveSource(acquisition, name="clip", reconnects=False)


if __name__ == "__main__":
    child.main(lambda address: ClipCamera(float(address.removeprefix("clip:"))))
