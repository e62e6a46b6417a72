"""RecordingFile: an .aedat4 that one thread writes and another closes; no Qt."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path

from events.packet import EventPacket, SensorSize
from events.recordings.aedat4_writer import Aedat4Writer


class RecordingFile:
    """Takes packets from the pipeline until it is closed; what comes later is not written.

    Raises:
        RecordingError: the file exists, or cannot be written.
    """

    def __init__(self, path: Path, sensor: SensorSize, camera: str) -> None:
        self.path = path
        self.num_events = 0
        self.duration_us = 0
        self._lock = threading.Lock()
        self._writer: Aedat4Writer | None = Aedat4Writer(path, sensor, camera)
        self._writer.__enter__()

    def write(self, packet: EventPacket) -> None:
        """Write a packet; called by the pipeline's reader."""
        with self._lock:
            if self._writer is None:
                return
            self._writer.write(packet)
            self.num_events += len(packet)
            self.duration_us += packet.duration_us

    def close(self) -> None:
        """Finish the file; readable from now on."""
        with self._lock:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.__exit__(None, None, None)


def default_name(source_name: str, now: datetime) -> str:
    """Return ``<camera>_<YYYY-MM-DD>T<hh-mm-ss>.aedat4``."""
    stem = "".join(c if c.isalnum() or c in "-_" else "_" for c in Path(source_name).stem)
    return f"{stem or 'events'}_{now:%Y-%m-%dT%H-%M-%S}.aedat4"
