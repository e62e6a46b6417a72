"""The acquisition's child process with a stand-in camera: ``python -m stand_in_child SOCKET RING``.

The address says what becomes of the camera: "camera:plugged", or "camera:unplugged" after its
batches, or "camera:hanging", which never gives a batch back.
"""

from __future__ import annotations

import time
from typing import Any

from stand_in_devices import StandInDevice, store

from events.live import child

NUM_BATCHES = 3


class ScriptedDevice(StandInDevice):
    """Gives some batches; then is idle, or goes."""

    def __init__(self, kind: str) -> None:
        now_us = time.time_ns() // 1000
        super().__init__([store((now_us + i, i, 2 * i, True)) for i in range(NUM_BATCHES)])
        self.kind = kind

    def getNextEventBatch(self) -> Any:  # noqa: N802
        if self.kind == "hanging":
            time.sleep(60)
        if self.kind == "unplugged" and not self.batches:
            self.is_plugged_in = False
        return super().getNextEventBatch()


if __name__ == "__main__":
    child.main(lambda address: ScriptedDevice(address.partition(":")[2]))
