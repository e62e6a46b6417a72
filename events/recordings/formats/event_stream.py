"""Event Stream (.es), as neuromorphic systems of Sydney and Paris write it; DVS events only.

After a head (name, version, type, width, height) each event has one byte of time passed and
polarity, two of x and two of y (little-endian); the byte 255 alone says that 127 us passed. Rows
are counted from the bottom. Source: https://github.com/neuromorphic-paris/event_stream.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from events.packet import EVENT_DTYPE, SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.chunks import Chunk, Chunks
from events.recordings.columns import ROWS_AT_ONCE
from events.recordings.file_bytes import FileBytes
from events.recordings.recording import Damage, RecordingError, read_start

NAME = "Event Stream"
SUFFIXES = (".es",)
HAS_MARK = True
MARK = b"Event Stream"
HEAD = struct.Struct("<12s3BB2H")
"""Mark, version, type, width, height."""
DVS = 1
_BLOCK_BYTES = ROWS_AT_ONCE * 5


def matches(first: bytes, path: Path) -> bool:
    """Whether it starts with the format's name."""
    return first.startswith(MARK)


def open_(path: Path, sensor: SensorSize | None) -> ChunkedRecording:
    """Open a file; its head says the sensor's size.

    Raises:
        RecordingError: It is cut short in its head, or holds no DVS events.
    """
    first = read_start(path, HEAD.size)
    if len(first) < HEAD.size:
        raise RecordingError(f"{path} is cut short: {len(first)} bytes, its head has {HEAD.size}")
    _, major, minor, _, kind, width, height = HEAD.unpack(first)
    if kind != DVS or major != 2:
        raise RecordingError(
            f"{path} is an Event Stream {major}.{minor} of type {kind}: only 2.x of type {DVS} "
            "(DVS) is read"
        )
    try:
        size = SensorSize(width, height)
    except ValueError as error:
        raise RecordingError(f"{path} is damaged: {error}") from None
    return ChunkedRecording(path, _Stream(path, height), f"{NAME} {major}.{minor}", size)


class _Stream(Chunks):
    """Walks through the file once when opened, to note where each chunk starts and when."""

    def __init__(self, path: Path, height: int) -> None:
        from events.recordings.event_stream_kernels import decode, skip

        self._decode, self._height = decode, height
        self._file = FileBytes(path)
        self._places: list[tuple[int, int]] = []
        position, t_us, size = HEAD.size, 0, self._file.size
        while position < size:
            data = np.frombuffer(self._file.read(position, _BLOCK_BYTES), np.uint8)
            num_bytes, next_us = skip(data, t_us)
            if num_bytes == 0:
                break
            self._places.append((position, t_us))
            position, t_us = position + num_bytes, next_us
        self._num_cut = max(size - position, 0)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def damage(self) -> Damage:
        """What follows the last whole event."""
        return Damage(skipped_bytes=self._num_cut)

    def read(self, number: int) -> Chunk:
        """Return the events that are whole within a block of bytes."""
        position, t_us = self._places[number]
        data = np.frombuffer(self._file.read(position, _BLOCK_BYTES), np.uint8)
        events: Any = np.zeros(len(data) // 5, EVENT_DTYPE)
        num_events = self._decode(data, t_us, self._height, events.view(np.int64).reshape(-1, 2))
        return Chunk(events=events[:num_events])

    def close(self) -> None:
        self._file.close()
