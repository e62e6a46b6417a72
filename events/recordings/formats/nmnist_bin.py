"""The .bin files of N-MNIST and N-Caltech101: 40 bits an event, from an ATIS.

Big-endian: x (8 bits), y (8), polarity (1), time in microseconds (23). A y of 240, one more than
the sensor has, stands for no event but says that 2^13 us passed which the time does not show.
Source: Orchard et al., "Converting Static Image Datasets to Spiking Neuromorphic Datasets Using
Saccades", Front. Neurosci. 2015, arXiv 1507.07629; https://www.garrickorchard.com/datasets/n-mnist.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from events.packet import SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.chunks import Chunk, Chunks
from events.recordings.columns import ROWS_AT_ONCE, events_of_columns
from events.recordings.compression import Buffer
from events.recordings.file_bytes import FileBytes
from events.recordings.recording import Damage

NAME = "N-MNIST / N-Caltech101 bin"
SUFFIXES = (".bin",)
HAS_MARK = False
RECORD_BYTES = 5
_NMNIST, _ATIS = SensorSize(34, 34), SensorSize(304, 240)
_Bytes = npt.NDArray[np.uint8]
_PASSED_Y, _PASSED_US = 240, 1 << 13
_MOST = 0.9


def matches(first: bytes, path: Path) -> bool:
    """Whether the file is named so, and its first records are in order of time."""
    if path.suffix.lower() not in SUFFIXES or len(first) < RECORD_BYTES:
        return False
    t = _columns(first)[0]
    return len(t) < 2 or float((np.diff(t) >= 0).mean()) >= _MOST


def open_(path: Path, sensor: SensorSize | None) -> ChunkedRecording:
    """Open a file; its sensor is 34x34 where all events fit into that, else 304x240."""
    chunks = _Records(path)
    is_small = chunks.width <= _NMNIST.width and chunks.height <= _NMNIST.height
    size = sensor or (_NMNIST if is_small else _ATIS)
    return ChunkedRecording(path, chunks, NAME, size, camera="ATIS")


class _Records(Chunks):
    """Looks at every record once when opened: how much unseen time passed before each chunk."""

    def __init__(self, path: Path) -> None:
        self._file = FileBytes(path)
        self._num_cut = self._file.size % RECORD_BYTES
        self.width = self.height = 0
        self._passed_us = [0]
        for number in range(len(self)):
            _, x, y, _ = self._read(number)
            is_passed = y == _PASSED_Y
            self._passed_us.append(self._passed_us[-1] + int(is_passed.sum()) * _PASSED_US)
            self.width = max(self.width, int(x.max()) + 1)
            self.height = max(self.height, int(y[~is_passed].max(initial=0)) + 1)

    def __len__(self) -> int:
        return -(-(self._file.size // RECORD_BYTES) // ROWS_AT_ONCE)

    @property
    def damage(self) -> Damage:
        """What follows the last whole record."""
        return Damage(skipped_bytes=self._num_cut)

    def read(self, number: int) -> Chunk:
        """Return ROWS_AT_ONCE records, less those that are no events."""
        t, x, y, p = self._read(number)
        is_passed = y == _PASSED_Y
        t += self._passed_us[number] + np.cumsum(is_passed) * _PASSED_US
        return Chunk(events=events_of_columns(t, x, y, p)[~is_passed])

    def close(self) -> None:
        self._file.close()

    def _read(self, number: int) -> tuple[npt.NDArray[np.int64], _Bytes, _Bytes, _Bytes]:
        num_bytes = ROWS_AT_ONCE * RECORD_BYTES
        return _columns(self._file.read(number * num_bytes, num_bytes))


def _columns(data: Buffer) -> tuple[npt.NDArray[np.int64], _Bytes, _Bytes, _Bytes]:
    """Return (t, x, y, p) of the whole records in ``data``, t without the time that passed."""
    whole = len(data) // RECORD_BYTES
    rows = np.frombuffer(data, np.uint8, whole * RECORD_BYTES).reshape(-1, RECORD_BYTES)
    high, middle, low = rows[:, 2:].astype(np.int64).T
    t: npt.NDArray[np.int64] = (high & 0x7F) << 16 | middle << 8 | low
    return t, rows[:, 0], rows[:, 1], rows[:, 2] & np.uint8(0x80)
