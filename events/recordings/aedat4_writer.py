"""Aedat4Writer: streams into a file that is readable at every moment, also after a kill.

Each packet reaches the operating system whole and at once; the index follows when the file is
closed, and until then its header says that there is none, so that readers look for the packets
themselves.
"""

from __future__ import annotations

import errno
import os
import struct
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from events.packet import EventArray, EventPacket, SensorSize, join_events
from events.recordings import aedat4_payloads
from events.recordings.aedat4_header import KINDS, index_position_bytes, write_header
from events.recordings.aedat4_index import ENTRY_DTYPE, write_index
from events.recordings.compression import Compression, compressor
from events.recordings.free_space import check_free_space
from events.recordings.recording import Frame, Stream

SUFFIX = ".aedat4"
PACKET_EVENTS = 10_000
PACKET_US = 10_000
"""A packet is written when it has so many events or spans so long: what a kill can lose."""
_CHECK_EVERY_BYTES = 8 << 20
_HEADER = struct.Struct("<ii")
_EVENT_BITS = np.int64(0xFF_FFFF_FFFF)
_ENTRY_COLUMNS = ("stream_id", "size", "position", "num_elements", "start_us", "end_us")


class Aedat4Writer:
    """A context manager that writes events, frames, inertial samples and triggers.

    Args:
        path: With the suffix .aedat4, which dv-processing insists on.
        sensor: Of the events and frames.
        camera: Model and serial number, as the file's origin.
        compression: "none", "lz4", "lz4_high", "zstd" or "zstd_high"; the high ones are too slow
            for a live camera.
        overwrite: Whether to replace a file that is there.
        kinds: The streams to declare, of "events", "frames", "imu" and "triggers".
    """

    def __init__(
        self,
        path: str | Path,
        sensor: SensorSize,
        camera: str = "",
        compression: str = "lz4",
        overwrite: bool = False,
        kinds: Sequence[str] = ("events",),
    ) -> None:
        self.path = Path(path)
        if self.path.suffix != SUFFIX:
            raise ValueError(
                f"{path} must end in {SUFFIX}: other programs do not open it otherwise"
            )
        if compression.upper() not in Compression.__members__:
            names = ", ".join(name.lower() for name in Compression.__members__)
            raise ValueError(f"compression must be one of {names}, got {compression!r}")
        if unknown := set(kinds) - set(KINDS.values()):
            raise ValueError(f"streams may be {', '.join(KINDS.values())}, got {sorted(unknown)}")
        self.num_events = 0
        self.num_bytes = 0
        """Bytes of whole packets in the file."""
        self._sensor, self._overwrite = sensor, overwrite
        self._compression = Compression[compression.upper()]
        self._compress = compressor(self._compression)
        self._streams = {
            kind: Stream(
                number, kind, kind, camera, sensor if kind in ("events", "frames") else None
            )
            for number, kind in enumerate(kinds)
        }
        self._file: int | None = None
        self._entries = array("q")
        self._pending: list[EventArray] = []
        self._num_pending, self._last_us = 0, 0
        self._checked_at = 0

    def __enter__(self) -> Self:
        """Create the file.

        Raises:
            FileExistsError: It is there, and ``overwrite`` was not given.
            OSError: It cannot be created, or the disk is full.
        """
        flags = os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0)
        flags |= os.O_TRUNC if self._overwrite else os.O_EXCL
        check_free_space(self.path, self.path.parent, self.num_events)
        try:
            self._file = os.open(self.path, flags, 0o644)
        except FileExistsError:
            raise FileExistsError(
                f"{self.path} exists: choose another name, or overwrite it"
            ) from None
        except OSError as error:
            raise type(error)(f"{self.path} cannot be written: {error.strerror}") from None
        self._append(write_header(self._compression, list(self._streams.values())))
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, packet: EventPacket) -> None:
        """Append events.

        Raises:
            ValueError: They are older than what was written, or of another sensor.
            OSError: The disk is full or gone; what was written before stays readable.
        """
        if packet.sensor != self._sensor:
            raise ValueError(
                f"{self.path} is of a {self._sensor} sensor, got events of {packet.sensor}"
            )
        if len(packet):
            first_us = int(packet.t[0])
            if first_us < self._last_us:
                raise ValueError(
                    f"time runs backwards in {self.path}: {first_us} us after {self._last_us} us"
                )
            self._last_us = int(packet.t[-1])
            self._pending.append(packet.events)
            self._num_pending += len(packet)
        if self._num_pending >= PACKET_EVENTS:
            self._flush(is_last=False)
        if self._pending and packet.end_us - int(self._pending[0]["t"][0]) >= PACKET_US:
            self._flush(is_last=True)

    def write_frame(self, frame: Frame) -> None:
        """Append one image; the stream "frames" must have been declared."""
        self._write("frames", aedat4_payloads.encode_frame(frame), 1, frame.t_us, frame.t_us)

    def write_imu(self, samples: npt.NDArray[np.void]) -> None:
        """Append (N,) samples of IMU_DTYPE; the stream "imu" must have been declared."""
        self._write_samples("imu", samples, aedat4_payloads.encode_imu(samples))

    def write_triggers(self, signals: npt.NDArray[np.void]) -> None:
        """Append (N,) signals of TRIGGER_DTYPE; the stream "triggers" must have been declared."""
        self._write_samples("triggers", signals, aedat4_payloads.encode_triggers(signals))

    def close(self) -> None:
        """Write what is pending and the index; harmless when called twice.

        Raises:
            OSError: The disk is full or gone; the file is closed and readable all the same.
        """
        if self._file is None:
            return
        try:
            self._flush(is_last=True)
            self._write_index()
        finally:
            self._truncate()
            os.close(self._file)
            self._file = None

    def _flush(self, is_last: bool) -> None:
        """Write pending events as packets of at most PACKET_EVENTS, the rest too if ``is_last``."""
        if not self._pending:
            return
        events = join_events(self._pending)
        stop = len(events) if is_last else len(events) // PACKET_EVENTS * PACKET_EVENTS
        # Forgotten first: events that could not be written are not tried again when closing.
        self._pending = [events[stop:]] if stop < len(events) else []
        self._num_pending = len(events) - stop
        for start in range(0, stop, PACKET_EVENTS):
            part: Any = np.ascontiguousarray(
                events[start : min(start + PACKET_EVENTS, stop)]
            ).copy()
            part.view(np.int64)[1::2] &= _EVENT_BITS
            payload = aedat4_payloads.encode_events(part)
            self._write("events", payload, len(part), int(part["t"][0]), int(part["t"][-1]))
            self.num_events += len(part)

    def _write_samples(self, kind: str, rows: npt.NDArray[np.void], payload: bytes) -> None:
        if len(rows):
            self._write(kind, payload, len(rows), int(rows["t"].min()), int(rows["t"].max()))

    def _write(
        self, kind: str, payload: bytes, num_elements: int, start_us: int, end_us: int
    ) -> None:
        stream = self._streams.get(kind)
        if stream is None:
            raise ValueError(f"{self.path} has no stream of {kind}: declare it in kinds")
        data = self._compress(payload)
        position = self.num_bytes + _HEADER.size
        self._append(_HEADER.pack(stream.id, len(data)) + data)
        self._entries.extend((stream.id, len(data), position, num_elements, start_us, end_us))

    def _write_index(self) -> None:
        columns = np.array(self._entries, np.int64).reshape(-1, len(_ENTRY_COLUMNS))
        rows = np.zeros(len(columns), ENTRY_DTYPE)
        for name, column in zip(_ENTRY_COLUMNS, columns.T, strict=True):
            rows[name] = column
        position = self.num_bytes
        self._append(self._compress(write_index(rows)), is_checked=False)
        assert self._file is not None
        where, data = index_position_bytes(position)
        os.lseek(self._file, where, os.SEEK_SET)
        os.write(self._file, data)

    def _append(self, data: bytes, is_checked: bool = True) -> None:
        """Write bytes that belong together at the file's end; all of them or none."""
        if self._file is None:
            raise ValueError(f"{self.path} is not open: use the writer in a with statement")
        if is_checked and self.num_bytes - self._checked_at >= _CHECK_EVERY_BYTES:
            self._checked_at = self.num_bytes
            check_free_space(self.path, self.path, self.num_events)
        try:
            os.lseek(self._file, self.num_bytes, os.SEEK_SET)
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            self._truncate()
            raise self._write_error(error) from None
        self.num_bytes += len(data)

    def _truncate(self) -> None:
        """Cut off what follows the last whole packet."""
        assert self._file is not None
        if os.fstat(self._file).st_size > self.num_bytes:
            os.ftruncate(self._file, self.num_bytes)

    def _write_error(self, error: OSError) -> OSError:
        what = (
            "the disk is full"
            if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
            else str(error.strerror)
        )
        return OSError(
            f"writing {self.path} failed: {what}; {self.num_events:,} events were written before"
        )
