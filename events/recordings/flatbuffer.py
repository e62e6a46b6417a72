"""Just enough FlatBuffers for AEDAT4: bounds-checked reading, and writing of plain tables.

Format: https://flatbuffers.dev/internals/. Every buffer here is size-prefixed; positions are
counted from the prefix's first byte. Reading never trusts a number in the buffer, since a flipped
bit can be anywhere.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

_ROOT_OF_VECTOR = struct.Struct("<II4sHHHHiII")
_ROOT_POSITION = 20
VECTOR_START = 32
"""Where the only vector of a buffer by ``vector_prefix`` has its first element."""


class FlatBufferError(ValueError):
    """The bytes are not the FlatBuffer that they should be."""


class Table:
    """One table inside a buffer, with its fields found by number."""

    def __init__(self, buffer: bytes | bytearray, position: int) -> None:
        self._buffer = buffer
        self._position = position
        vtable = position - int(self._unpack("<i", position))
        size = int(self._unpack("<H", vtable))
        if size < 4 or size % 2 or vtable + size > len(buffer):
            raise FlatBufferError(f"vtable of {size} bytes at {vtable} is not one")
        self._offsets = struct.unpack_from(f"<{size // 2 - 2}H", buffer, vtable + 4)

    def scalar(self, field: int, code: str, default: float) -> Any:
        """Return field ``field`` by the struct code ``code``; ``default`` where it was left out."""
        offset = self._offset(field)
        return self._unpack(code, self._position + offset) if offset else default

    def vector(self, field: int, itemsize: int) -> tuple[int, int]:
        """Return (position of the first element, length); (0, 0) where it was left out."""
        offset = self._offset(field)
        if not offset:
            return 0, 0
        start = self._position + offset
        start += int(self._unpack("<I", start))
        length = int(self._unpack("<I", start))
        start += 4
        if start + length * itemsize > len(self._buffer):
            raise FlatBufferError(
                f"vector of {length} elements at {start} overruns its {len(self._buffer)} bytes"
            )
        return start, length

    def _offset(self, field: int) -> int:
        return self._offsets[field] if field < len(self._offsets) else 0

    def _unpack(self, code: str, position: int) -> Any:
        if position < 0:
            raise FlatBufferError(f"offset leads to {position}, before the buffer")
        try:
            return struct.unpack_from(code, self._buffer, position)[0]
        except struct.error:
            raise FlatBufferError(
                f"offset leads to {position} of {len(self._buffer)} bytes"
            ) from None


def identifier(buffer: bytes | bytearray) -> bytes:
    """Return the four letters that name the buffer's type."""
    return bytes(buffer[8:12])


def root(buffer: bytes | bytearray, *, is_whole: bool = True) -> Table:
    """Return the root table of a size-prefixed buffer, or (not ``is_whole``) of its first bytes.

    Raises:
        FlatBufferError: The buffer is cut short, or its root lies outside of it.
    """
    if len(buffer) < 16:
        raise FlatBufferError(f"{len(buffer)} bytes are too few")
    size, offset = struct.unpack_from("<II", buffer)
    if is_whole and size + 4 > len(buffer):
        raise FlatBufferError(f"buffer says {size} bytes but holds {len(buffer) - 4}")
    return Table(buffer, 4 + offset)


def read_tables(
    buffer: bytes | bytearray,
    fields: Mapping[str, tuple[int, str]],
    defaults: Mapping[str, int] = {},
) -> npt.NDArray[np.void]:
    """Return the root's vector of tables as a structured array, one row a table.

    Args:
        buffer: A size-prefixed buffer whose root holds the vector in field 0.
        fields: Name of each column, with its field number and its numpy type.
        defaults: What columns hold where a table leaves them out; zero if not named.

    Raises:
        FlatBufferError: An offset leads out of the buffer.
    """
    start, length = root(buffer).vector(0, 4)
    dtype = np.dtype([(name, kind) for name, (_, kind) in fields.items()])
    rows = np.zeros(length, dtype)
    if length == 0:
        return rows
    slots = start + 4 * np.arange(length, dtype=np.int64)
    tables = slots + _gather(buffer, slots, "<u4")
    vtables = tables - _gather(buffer, tables, "<i4")
    if (vtables == vtables[0]).all():  # of what one writer wrote at once: read it once
        vtables = vtables[:1]
    sizes = _gather(buffer, vtables, "<u2")
    for name, (field, kind) in fields.items():
        is_there = sizes >= 6 + 2 * field
        offsets = np.zeros(len(vtables), np.int64)
        offsets[is_there] = _gather(buffer, vtables[is_there] + 4 + 2 * field, "<u2")
        if (offsets > 0).all():
            rows[name] = _gather(buffer, tables + offsets, kind)
        else:
            is_there = np.broadcast_to(offsets > 0, length)
            rows[name] = defaults.get(name, 0)
            rows[name][is_there] = _gather(buffer, (tables + offsets)[is_there], kind)
    return rows


def _gather(buffer: bytes | bytearray, positions: npt.NDArray[np.int64], kind: str) -> Any:
    """Return the numbers of type ``kind`` at ``positions``."""
    dtype = np.dtype(kind)
    if len(positions) == 0:
        return np.empty(0, dtype)
    if positions.min() < 0 or positions.max() + dtype.itemsize > len(buffer):
        raise FlatBufferError(f"an offset leads out of the {len(buffer)} bytes")
    # In the largest units in which they are aligned: 4 bytes for 8, because of the size before all.
    unit = min(dtype.itemsize, 4)
    if (positions & (unit - 1)).any():
        unit = 1
    units = np.frombuffer(buffer, f"<u{unit}", len(buffer) // unit)
    steps = np.arange(dtype.itemsize // unit)
    picked: npt.NDArray[Any] = units[(positions // unit)[:, None] + steps]
    return picked.view(dtype)[:, 0]


def vector_prefix(name: bytes, length: int, num_bytes: int) -> bytes:
    """Return the 32 bytes that stand before the only vector of a buffer.

    Args:
        name: The four letters of the type.
        length: Elements in the vector.
        num_bytes: Bytes that follow the prefix.
    """
    size = VECTOR_START + num_bytes - 4
    return _ROOT_OF_VECTOR.pack(size, _ROOT_POSITION - 4, name, 0, 6, 8, 4, 6, 4, length)


def write_tables(name: bytes, rows: npt.NDArray[np.void], fields: Mapping[str, int]) -> bytes:
    """Return a buffer whose root's field 0 is a vector of tables, one a row of ``rows``.

    Args:
        name: The four letters of the type.
        rows: (N,) structured; the wire layout of a table's body starts 4 bytes into the record, so
            that
            8-byte columns stand at 4 + a multiple of 8 and the record is a multiple of 8 long.
        fields: The field number of each column.
    """
    if len(rows) == 0:
        return vector_prefix(name, 0, 0)
    num_fields = max(fields.values()) + 1
    layout = rows.dtype.fields
    assert layout is not None
    ends = [layout[column][1] + layout[column][0].itemsize for column in fields]
    offsets = np.zeros(num_fields, "<u2")
    for column, field in fields.items():
        offsets[field] = layout[column][1]
    vtable = np.array([4 + 2 * num_fields, max(ends)], "<u2").tobytes() + offsets.tobytes()
    vtable_position = VECTOR_START + 4 * len(rows)
    first = vtable_position + len(vtable)
    first += (4 - first) % 8
    tables = first + rows.dtype.itemsize * np.arange(len(rows), dtype=np.int64)
    slots = VECTOR_START + 4 * np.arange(len(rows), dtype=np.int64)
    padding = bytes(first - vtable_position - len(vtable))
    body = np.frombuffer(rows.tobytes(), np.uint8).reshape(len(rows), -1).copy()
    body[:, :4] = (tables - vtable_position).astype("<i4").view(np.uint8).reshape(-1, 4)
    tail = (tables - slots).astype("<u4").tobytes() + vtable + padding + body.tobytes()
    return vector_prefix(name, len(rows), len(tail)) + tail
