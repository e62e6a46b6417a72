"""BagFile: the container of ROS 1: chunks of messages, read one chunk at a time.

Our own reader, since a bag whose recorder was killed has no index, which the libraries insist on;
here the chunks are found by walking from one to the next. Source: http://wiki.ros.org/Bags/Format/2.0.
"""

from __future__ import annotations

import bz2
import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from events.recordings.compression import MAX_PACKET_BYTES, Buffer, Compression, decompress
from events.recordings.file_bytes import FileBytes

MARK = b"#ROSBAG V2.0\n"
_MESSAGE, _CHUNK, _CONNECTION = 2, 5, 7
_MAX_FIELDS_BYTES = 1 << 20
_LENGTH = struct.Struct("<I")


class BagError(ValueError):
    """Bytes that are not what the format asks for."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One topic of a bag and the type of its messages, such as "dvs_msgs/EventArray"."""

    id: int
    topic: str
    type: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a chunk's bytes are, and how they are compressed."""

    position: int
    num_bytes: int
    compression: bytes
    unpacked_bytes: int


class BagFile:
    """An open bag: the places of its chunks, and its connections.

    Raises:
        RecordingError: The disk failed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = FileBytes(path)
        self._places: list[_Place] = []
        self.connections: dict[int, Connection] = {}
        self.num_skipped_bytes = 0
        """Of the end, where that was cut off."""
        try:
            self._walk()
            for number in range(len(self._places)):
                if self.connections:
                    break  # the table at the end names them all; it lacks where that is cut off
                with contextlib.suppress(BagError):
                    list(self.messages(number, ()))
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        return len(self._places)

    def messages(self, number: int, ids: tuple[int, ...]) -> Iterator[tuple[int, Buffer]]:
        """Yield (connection, bytes) of a chunk's messages of some connections, in their order.

        Raises:
            BagError: The chunk does not unpack, or what follows in it is no record.
        """
        data = self._unpacked(self._places[number])
        position = 0
        while position < len(data):
            fields, start, stop = _record(data, position)
            kind = _number(fields, b"op")
            if kind == _MESSAGE and (found := _number(fields, b"conn")) in ids:
                yield found, data[start:stop]
            elif kind == _CONNECTION:
                self._note(fields, data[start:stop])
            position = stop

    def close(self) -> None:
        self._file.close()

    def _walk(self) -> None:
        """Find all chunks without reading what is in them."""
        position, size = len(MARK), self._file.size
        while position < size:
            try:
                fields, start, stop = self._outer_record(position, size)
                kind = _number(fields, b"op")
                if kind == _CHUNK:
                    compression = fields.get(b"compression", b"none")
                    place = _Place(start, stop - start, compression, _number(fields, b"size"))
                    self._places.append(place)
                elif kind == _CONNECTION:
                    self._note(fields, self._file.read(start, stop - start))
            except BagError:
                self.num_skipped_bytes = size - position
                return
            position = stop

    def _outer_record(self, position: int, size: int) -> tuple[dict[bytes, bytes], int, int]:
        head = self._file.read(position, 512, 0)
        num_bytes = _length(head, 0)
        if num_bytes > _MAX_FIELDS_BYTES:
            raise BagError(f"a head of {num_bytes} bytes")
        if num_bytes + 8 > len(head):
            head = self._file.read(position, num_bytes + 8, 0)
        fields = _fields(head[4 : 4 + num_bytes])
        start = position + 8 + num_bytes
        stop = start + _length(head, 4 + num_bytes)
        if stop > size:
            raise BagError("cut short")
        return fields, start, stop

    def _unpacked(self, place: _Place) -> Buffer:
        data = self._file.read(place.position, place.num_bytes, 0)
        if len(data) < place.num_bytes or place.unpacked_bytes > MAX_PACKET_BYTES:
            raise BagError("cut short, or too large")
        try:
            if place.compression == b"lz4":
                return decompress(data, Compression.LZ4)
            if place.compression == b"bz2":
                return bz2.BZ2Decompressor().decompress(data, MAX_PACKET_BYTES)
        except (ValueError, OSError, EOFError) as error:
            raise BagError(str(error)) from None
        if place.compression != b"none":
            raise BagError(f"compression {place.compression!r}")
        return data

    def _note(self, fields: dict[bytes, bytes], data: Buffer) -> None:
        found = _number(fields, b"conn")
        kind = _fields(data).get(b"type", b"").decode(errors="replace")
        topic = fields.get(b"topic", b"").decode(errors="replace")
        self.connections[found] = Connection(found, topic, kind)


def _record(data: Buffer, position: int) -> tuple[dict[bytes, bytes], int, int]:
    """Return (fields, start and stop of the data) of the record at ``position``."""
    num_bytes = _length(data, position)
    fields = _fields(data[position + 4 : position + 4 + num_bytes])
    start = position + 8 + num_bytes
    stop = start + _length(data, position + 4 + num_bytes)
    if stop > len(data):
        raise BagError("a record that its chunk does not hold")
    return fields, start, stop


def _fields(data: Buffer) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    position = 0
    while position < len(data):
        stop = position + 4 + _length(data, position)
        name, equals, value = bytes(data[position + 4 : stop]).partition(b"=")
        if stop > len(data) or not equals:
            raise BagError("a field that is none")
        fields[name] = value
        position = stop
    return fields


def _number(fields: dict[bytes, bytes], name: bytes) -> int:
    return int.from_bytes(fields.get(name, b"\xff"), "little")


def _length(data: Buffer, position: int) -> int:
    if position + _LENGTH.size > len(data):
        raise BagError("cut short")
    number: int = _LENGTH.unpack_from(data, position)[0]
    return number
