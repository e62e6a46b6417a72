"""FileBytes: byte ranges of a file that may be growing, read ahead in blocks."""

from __future__ import annotations

import threading
from pathlib import Path

from events.recordings.compression import Buffer
from events.recordings.recording import RecordingError

BLOCK_BYTES = 1 << 18
_WHOLE_BYTES = 1 << 14


class FileBytes:
    """A file read by position; safe to share between threads.

    The file is never mapped into memory: a mapping of a file that is cut short by somebody else
    kills the program.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb", buffering=0)
        self._lock = threading.Lock()
        self._block = bytearray()  # kept: fresh memory costs more than the reading
        self._start = self._stop = 0

    @property
    def size(self) -> int:
        """Bytes in the file by now."""
        with self._lock:
            return self._file.seek(0, 2)

    def read(self, position: int, num_bytes: int, read_ahead: int = BLOCK_BYTES) -> Buffer:
        """Return the bytes at ``position``; fewer where the file ends before.

        Args:
            position: Byte to start at.
            num_bytes: How many to return.
            read_ahead: How many to fetch at once, for the calls that follow; BLOCK_BYTES at most.

        Raises:
            RecordingError: The disk failed.
        """
        with self._lock:
            try:
                if num_bytes > _WHOLE_BYTES:  # straight from the file: one copy less
                    return self._fetch(position, num_bytes)
                if not self._start <= position <= position + num_bytes <= self._stop:
                    self._fill(position, max(num_bytes, read_ahead))
            except ValueError:
                raise RecordingError(f"{self._path} was closed while it was read") from None
            except OSError as error:
                raise RecordingError(
                    f"{self._path} cannot be read: {error.strerror or error}"
                ) from None
            start = position - self._start
            return self._block[start : min(start + num_bytes, self._stop - self._start)]

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        with self._lock:
            self._file.close()
            self._start = self._stop = 0

    def _fill(self, position: int, num_bytes: int) -> None:
        """Make the block the ``num_bytes`` at ``position``."""
        self._start = self._stop = position
        if len(self._block) < num_bytes:
            self._block = bytearray(num_bytes)
        view = memoryview(self._block)[:num_bytes]
        self._file.seek(position)
        while view and (count := self._file.readinto(view)):
            self._stop += count
            view = view[count:]

    def _fetch(self, position: int, num_bytes: int) -> bytes:
        parts: list[bytes] = []
        self._file.seek(position)
        while num_bytes > 0 and (part := self._file.read(num_bytes)):
            parts.append(part)
            num_bytes -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
