"""Finding the packets of an AEDAT4 file without its index: from header to header, past broken ones.

A packet is i32 stream, i32 size, payload. Where a header cannot be right, the bytes are searched
for the next payload that starts as one must, with a header before it that fits.
"""

from __future__ import annotations

import struct
from collections.abc import Set

from events.recordings.compression import MAX_PACKET_BYTES, Buffer, Compression
from events.recordings.file_bytes import FileBytes

HEADER_BYTES = 8
_HEADER = struct.Struct("<ii")
_START_BYTES = HEADER_BYTES + 12
_MAX_STREAM_ID = 0xFFFF
_TYPES = (b"EVTS", b"FRME", b"IMUS", b"TRIG")
_SCAN_BLOCK = 4096
_SEARCH_BLOCK = 1 << 20


class Scanner:
    """Walks the packets of a file once, and on from there when the file has grown."""

    def __init__(
        self, file: FileBytes, start: int, compression: Compression, stream_ids: Set[int]
    ) -> None:
        self._file = file
        self._position = start
        self._magic = compression.magic
        self._stream_ids = stream_ids
        self.num_broken_headers = 0
        self._num_skipped = 0
        self._end = start

    @property
    def num_skipped_bytes(self) -> int:
        """Bytes between and after packets that belong to none."""
        return self._num_skipped + self._end - self._position

    def advance(self, end: int) -> list[tuple[int, int, int]]:
        """Return (payload's position, size, stream id) of the packets that follow the last call's.

        Args:
            end: Where packets end by now: the file's size, or the index's position.
        """
        found = []
        self._end = end
        while self._position + HEADER_BYTES < end:
            stream_id, size = self._header(self._position)
            following = self._position + HEADER_BYTES + size
            if self._is_packet(self._position, end):
                if following < end and not self._is_header(following, end):
                    # Either this size is wrong or the next header: a packet inside this one tells.
                    inside = self._search(
                        self._position + HEADER_BYTES + 1, min(following, end), end
                    )
                    if inside is not None:
                        self._skip_to(inside)
                        continue
                found.append((self._position + HEADER_BYTES, size, stream_id))
                self._position = following
                continue
            inside = self._search(self._position + 1, end, end)
            if inside is None:
                break  # a tail cut short, or still being written
            self._skip_to(inside)
        return found

    def _skip_to(self, position: int) -> None:
        self.num_broken_headers += 1
        self._num_skipped += position - self._position
        self._position = position

    def _is_packet(self, position: int, end: int) -> bool:
        """Whether a packet starts here: right payload, or (of unknown type) right neighbours."""
        if not self._is_header(position, end):
            return False
        stream_id, size = self._header(position)
        if stream_id in self._stream_ids and self._has_right_payload(position):
            return True
        following = position + HEADER_BYTES + size
        return following == end or self._is_header(following, end)

    def _is_header(self, position: int, end: int) -> bool:
        if position + HEADER_BYTES > end:
            return False
        stream_id, size = self._header(position)
        fits = 0 < size <= MAX_PACKET_BYTES and position + HEADER_BYTES + size <= end
        return fits and 0 <= stream_id <= _MAX_STREAM_ID

    def _has_right_payload(self, position: int) -> bool:
        start = self._file.read(position, _START_BYTES, _SCAN_BLOCK)[HEADER_BYTES:]
        return start.startswith(self._magic) if self._magic else start[8:12] in _TYPES

    def _header(self, position: int) -> tuple[int, int]:
        data = self._file.read(position, _START_BYTES, _SCAN_BLOCK)[:HEADER_BYTES]
        if len(data) < HEADER_BYTES:
            return -1, -1
        stream_id, size = _HEADER.unpack(data)
        return stream_id, size

    def _search(self, start: int, stop: int, end: int) -> int | None:
        """Return where in [start, stop) the next packet of a known stream starts."""
        marks = [self._magic] if self._magic else list(_TYPES)
        lead = HEADER_BYTES if self._magic else HEADER_BYTES + 8
        num_bytes = _SCAN_BLOCK  # growing, so that a find nearby costs little
        while start < stop:
            block = self._file.read(start, num_bytes + _START_BYTES, 0)
            candidates = sorted(_occurrences(block, marks, lead))
            for offset in candidates:
                position = start + offset
                if position >= min(stop, start + num_bytes):
                    break
                if self._is_header(position, end) and self._header(position)[0] in self._stream_ids:
                    return position
            start += num_bytes
            num_bytes = min(2 * num_bytes, _SEARCH_BLOCK)
        return None


def _occurrences(block: Buffer, marks: list[bytes], lead: int) -> list[int]:
    """Return where packets would start whose payloads have one of ``marks``."""
    found = []
    for mark in marks:
        offset = block.find(mark, lead)
        while offset >= 0:
            found.append(offset - lead)
            offset = block.find(mark, offset + 1)
    return found
