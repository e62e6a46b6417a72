"""FileBytes: byte ranges of a file that may be growing, read ahead in blocks."""

from __future__ import annotations

import threading
from pathlib import Path

from events.recordings.recording import RecordingError


class FileBytes:
    """A file read by position; safe to share between threads.

    The file is never mapped into memory: a mapping of a file that is cut short by somebody else
    kills the program.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb", buffering=0)
        self._lock = threading.Lock()
        self._block = b""
        self._block_start = 0

    @property
    def size(self) -> int:
        """Bytes in the file by now."""
        with self._lock:
            return self._file.seek(0, 2)

    def read(self, position: int, num_bytes: int, read_ahead: int = 1 << 18) -> bytes:
        """Return the bytes at ``position``; fewer where the file ends before.

        Args:
            position: Byte to start at.
            num_bytes: How many to return.
            read_ahead: How many to fetch at once, for the calls that follow.

        Raises:
            RecordingError: The disk failed.
        """
        with self._lock:
            start = position - self._block_start
            if start < 0 or start + num_bytes > len(self._block):
                self._block = self._fetch(position, max(num_bytes, read_ahead))
                self._block_start, start = position, 0
            return self._block[start : start + num_bytes]

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        with self._lock:
            self._file.close()
            self._block = b""

    def _fetch(self, position: int, num_bytes: int) -> bytes:
        try:
            self._file.seek(position)
            parts = []
            while num_bytes > 0 and (part := self._file.read(num_bytes)):
                parts.append(part)
                num_bytes -= len(part)
            return parts[0] if len(parts) == 1 else b"".join(parts)
        except ValueError:
            raise RecordingError(f"{self._path} was closed while it was read") from None
        except OSError as error:
            raise RecordingError(
                f"{self._path} cannot be read: {error.strerror or error}"
            ) from None
