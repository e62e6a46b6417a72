"""The frames of AEDAT 3.1 recordings: images of 16 bits among the packets of events.

Source: docs.inivation.com, "AEDAT 3.1", and libcaer's frame.h: each has its shutter's times, its
place on the sensor from the top left, and rows of 16-bit values that use the whole range. Of these
the upper byte is kept. Where the camera's clock was set back, frames keep the times that they have.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from events.recordings.aedat3_kernels import FRAME, HEADER_BYTES, find_header
from events.recordings.pixels import upper_bytes
from events.recordings.recording import Frame

_HEADER = struct.Struct("<HH6I")
"""Type, source, size of an event, offset of its time, overflows of time, capacity, number, valid
ones: of a packet."""
_HEAD = struct.Struct("<I8i")
"""Marks, start and end of the frame, of its exposure, width, height, left, top: of a frame."""
_SEARCH_BYTES = 1 << 17
_CHANNELS = {1: 1, 3: 3, 4: 4}
_TO_BGR = {3: [2, 1, 0], 4: [2, 1, 0, 3]}


class _Place(NamedTuple):
    """Where a frame is."""

    position: int
    num_bytes: int
    overflow_us: int
    t_us: int


class Aedat3Frames:
    """Frames of a file; it is walked, from packet to packet, when they are first asked for.

    A file that grows is walked on.

    Args:
        path: The file.
        start: Where its header ends.
    """

    def __init__(self, path: Path, start: int) -> None:
        self._path = path
        self._next = start
        self._seen_size = -1
        self._places: list[_Place] = []

    @property
    def times_us(self) -> npt.NDArray[np.int64]:
        """(K,) when each shutter opened."""
        if self._path.stat().st_size != self._seen_size:
            with self._path.open("rb") as file:
                self._walk(file)
        return np.array([place.t_us for place in self._places], np.int64)

    def read(self, number: int) -> Frame | None:
        """Return one image, in grey or BGR(A); None if it is damaged."""
        place = self._places[number]
        with self._path.open("rb") as file:
            data = _bytes_at(file, place.position, place.num_bytes)
        if len(data) < _HEAD.size:
            return None
        marks, _, _, _, closed, width, height, left, top = _HEAD.unpack_from(data)
        channels = _CHANNELS.get(marks >> 1 & 7, 0)
        num_values = width * height * channels
        if not (width > 0 and height > 0 and channels):
            return None
        if left < 0 or top < 0 or len(data) < _HEAD.size + 2 * num_values:
            return None
        pixels = upper_bytes(data[_HEAD.size : _HEAD.size + 2 * num_values])
        image = pixels.reshape((height, width) if channels == 1 else (height, width, channels))
        if channels in _TO_BGR:
            image = np.ascontiguousarray(image[..., _TO_BGR[channels]])
        image.flags.writeable = False
        exposure_us = max(place.overflow_us + closed - place.t_us, 0)
        return Frame(place.t_us, exposure_us, image, left, top)

    def _walk(self, file: BinaryIO) -> None:
        """Note the frames of the packets from the first one on that was not whole before."""
        self._seen_size = file.seek(0, 2)
        self._places = [place for place in self._places if place.position < self._next]
        position = self._next
        while len(head := _bytes_at(file, position, HEADER_BYTES)) == HEADER_BYTES:
            if find_header(np.frombuffer(head, np.uint8)):  # no packet here: look further on
                block = _bytes_at(file, position, _SEARCH_BYTES)
                position += find_header(np.frombuffer(block, np.uint8))
                continue
            kind, _, size, _, overflow, _, number, _ = _HEADER.unpack(head)
            first, position = position + HEADER_BYTES, position + HEADER_BYTES + number * size
            if position <= self._seen_size:
                self._next = position
            if kind == FRAME:
                for at in range(first, min(position, self._seen_size), size):
                    self._note(file, at, size, overflow << 31)

    def _note(self, file: BinaryIO, position: int, num_bytes: int, overflow_us: int) -> None:
        head = _bytes_at(file, position, _HEAD.size)
        if len(head) < _HEAD.size:
            return
        marks, _, _, opened, *_ = _HEAD.unpack(head)
        if marks & 1:  # else a filter of the recording program took it out
            self._places.append(_Place(position, num_bytes, overflow_us, overflow_us + opened))


def _bytes_at(file: BinaryIO, position: int, num_bytes: int) -> bytes:
    file.seek(position)
    return file.read(num_bytes)
