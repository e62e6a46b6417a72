"""FileRecorder: a stream into .aedat4 files, closed properly whatever ends it."""

from __future__ import annotations

import re
import threading
from datetime import datetime
from pathlib import Path
from typing import Self

from events.packet import EventPacket, SensorSize
from events.recordings.aedat4_writer import SUFFIX, Aedat4Writer


class FileRecorder:
    """Writes packets in order; ``write`` and ``close`` may be called from different threads.

    A file's time never goes back: where the events do (a server with a new clock, a loop), the
    recording goes on in another file, NAME-2.aedat4, NAME-3.aedat4 and so on.
    """

    def __init__(
        self,
        path: Path,
        sensor: SensorSize,
        camera: str,
        *,
        compression: str = "lz4",
        overwrite: bool = False,
    ) -> None:
        """Create the file.

        Args:
            path: With the suffix .aedat4.
            sensor: The stream's.
            camera: Written into the file as the events' origin.
            compression: As Aedat4Writer's.
            overwrite: Whether to replace an existing file.

        Raises:
            FileExistsError: the file is there, and ``overwrite`` is not given.
            OSError: the file cannot be written.
        """
        self.paths: list[Path] = []
        self.num_events = self.num_lost = 0
        self.duration_us = 0
        """Stream time that passed; a span that a jumping clock repeats counts once."""
        self._path, self._sensor, self._camera = path, sensor, camera
        self._compression, self._overwrite = compression, overwrite
        self._lock = threading.Lock()
        self._newest_us: int | None = None
        self._end_us: int | None = None
        self._writer: Aedat4Writer | None = None
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def num_bytes(self) -> int:
        """Bytes on the disk so far."""
        return sum(path.stat().st_size for path in self.paths)

    def write(self, packet: EventPacket) -> None:
        """Append a packet; ignored after ``close``.

        Raises:
            OSError: the disk is full or gone; the recorder is closed then.
        """
        with self._lock:
            if self._writer is None:
                return
            try:
                if self._goes_back(packet):
                    self._shut()
                    self._open()
                    self._end_us = None
                assert self._writer is not None
                self._writer.write(packet)
            except BaseException:
                self._shut()
                raise
            self.duration_us += self.new_us(packet)
            self._end_us = max(packet.end_us, self._end_us or packet.end_us)
            self._newest_us = int(packet.t[-1]) if len(packet) else self._newest_us
            self.num_events += len(packet)
            self.num_lost += packet.num_lost

    def close(self) -> None:
        """Complete the file; harmless when called twice."""
        with self._lock:
            self._shut()

    def new_us(self, packet: EventPacket) -> int:
        """Return by how much the packet would lengthen the recording."""
        end_us = packet.start_us if self._end_us is None else self._end_us
        return max(packet.end_us - max(packet.start_us, end_us), 0)

    def _goes_back(self, packet: EventPacket) -> bool:
        # Not the span: a clock that ran on while events were delayed harms no file.
        return self._newest_us is not None and len(packet) > 0 and packet.t[0] < self._newest_us

    def _open(self) -> None:
        number = len(self.paths) + 1
        name = self._path if number == 1 else self._path.with_stem(f"{self._path.stem}-{number}")
        self._writer = Aedat4Writer(
            name, self._sensor, self._camera, self._compression, self._overwrite
        )
        self._writer.__enter__()
        self.paths.append(name)

    def _shut(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.__exit__(None, None, None)


def refuse_input(path: Path, text: str) -> None:
    """Keep a recording that plays from being replaced by itself.

    Args:
        path: Where to record to.
        text: The input, as the user gave it; not always a file.

    Raises:
        ValueError: they are the same file.
    """
    given = Path(text)
    if path.exists() and given.exists() and path.samefile(given):
        raise ValueError(f"{path} is the input itself: record to another file")


def default_path(camera: str, folder: Path = Path()) -> Path:
    """Return ``folder``/CAMERA_2026-11-20T21-40-00.aedat4, with the local time of now."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", Path(camera).name.removesuffix(SUFFIX)).strip("_.-")
    return folder / f"{name or 'recording'}_{datetime.now():%Y-%m-%dT%H-%M-%S}{SUFFIX}"
