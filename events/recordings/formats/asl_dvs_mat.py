"""ASL-DVS's .mat files: MATLAB 5 with the columns ts, x, y and pol of a DAVIS240C.

Their origin is at the bottom left, as jAER's MATLAB functions give it; it is moved to the top.
Only vectors of numbers are read; what else a file holds is passed over. The files are small (0.1 s
of events) and compressed, so they are held in memory.
Sources: MathWorks, "MAT-File Format", version 5; Bi et al., ICCV 2019, arXiv 1908.06648.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from events.packet import SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.columns import MICROSECONDS, Column, ColumnChunks, find_names
from events.recordings.recording import RecordingError

NAME = "ASL-DVS mat"
SUFFIXES = (".mat",)
HAS_MARK = True

_MARK = b"MATLAB 5.0 MAT-file"
_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
"""Numpy's kind of each of MATLAB's types of numbers."""
_DAVIS240 = SensorSize(240, 180)


def matches(first: bytes, path: Path) -> bool:
    """Whether it is a MATLAB 5 file."""
    return first.startswith(_MARK)


def open_(path: Path, sensor: SensorSize | None) -> ChunkedRecording:
    """Open a file.

    Raises:
        RecordingError: It is damaged, or does not hold the columns of events.
    """
    size = sensor or _DAVIS240
    try:
        vectors = dict(_vectors(path.read_bytes()))
    except (OSError, ValueError, zlib.error, struct.error) as error:
        raise RecordingError(f"{path} cannot be read: {error}") from None
    names = find_names(vectors)
    if names is None:
        held = ", ".join(vectors) or "no vector of numbers"
        raise RecordingError(f"{path} holds no events: it needs ts, x, y and pol, and holds {held}")
    t, x, y, p = (vectors[name] for name in (names.t, names.x, names.y, names.p))
    lengths = [len(column) for column in (t, x, y, p)]
    num_events = min(lengths)
    y = size.height - 1 - y.astype(np.int64)
    chunks = ColumnChunks(
        num_events,
        lambda a, b: (t[a:b], x[a:b], y[a:b], p[a:b]),
        names.clock or MICROSECONDS,
        vectors.clear,
        num_cut=max(lengths) - num_events,
    )
    return ChunkedRecording(path, chunks, NAME, size)


def _vectors(data: bytes) -> Iterator[tuple[str, Column]]:
    """Yield the name and values of each (N, 1) or (1, N) array of numbers."""
    mark = data[_HEADER_BYTES - 2 : _HEADER_BYTES]
    if mark not in (b"IM", b"MI"):
        raise ValueError("its header is cut short or damaged")
    order = "<" if mark == b"IM" else ">"
    for kind, body in _elements(data[_HEADER_BYTES:], order):
        if kind == _COMPRESSED:
            kind, body = next(_elements(zlib.decompress(body), order), (0, b""))
        if kind == _MATRIX:
            parts = [*_elements(body, order)]
            if len(parts) >= 4 and parts[3][0] in _NUMBERS:  # flags, dimensions, name, values
                values = np.frombuffer(parts[3][1], order + _NUMBERS[parts[3][0]])
                if values.size == max(np.frombuffer(parts[1][1], f"{order}i4"), default=-1):
                    yield parts[2][1].decode("ascii", "replace"), values


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the bytes of each element; one of up to 4 bytes has a short tag."""
    position = 0
    while position + 8 <= len(data):
        kind, num_bytes = struct.unpack_from(f"{order}2I", data, position)
        start = position + 8
        if kind >> 16:
            kind, num_bytes, start = kind & 0xFFFF, kind >> 16, position + 4
        if start + num_bytes > len(data):
            raise ValueError(
                f"it is cut short: {start + num_bytes - len(data):,} bytes are missing"
            )
        yield kind, data[start : start + num_bytes]
        is_padded = kind != _COMPRESSED
        position = start + num_bytes + (-(start + num_bytes) % 8 if is_padded else 0)
