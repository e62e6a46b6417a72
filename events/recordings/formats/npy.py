"""Events in a numpy .npy file: records with fields t, x, y, p, or an (N, 4) table.

Its rows are read from the file as they are asked for. Pickled objects are not read.
"""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from events.packet import SensorSize
from events.recordings.arrays import columns_of_array
from events.recordings.chunked import ChunkedRecording
from events.recordings.columns import Column, ColumnChunks
from events.recordings.file_bytes import FileBytes
from events.recordings.recording import RecordingError

NAME = "numpy (npy)"
SUFFIXES = (".npy",)
HAS_MARK = True
_MARK = b"\x93NUMPY"


def matches(first: bytes, path: Path) -> bool:
    """Whether it starts as such files do."""
    return first.startswith(_MARK)


def open_(path: Path, sensor: SensorSize | None) -> ChunkedRecording:
    """Open a file.

    Raises:
        RecordingError: It is damaged, or holds no events.
    """
    rows = _FileRows(path)
    try:
        num_events, read, clock, _ = columns_of_array(rows, path)
        chunks = ColumnChunks(num_events, read, clock, rows.close, num_cut=rows.num_cut)
        return ChunkedRecording(path, chunks, NAME, sensor)
    except BaseException:
        rows.close()
        raise


class _FileRows:
    """Rows of the array in a file, read by slices; the whole of one that is stored by columns."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                version = np.lib.format.read_magic(file)
                header = np.lib.format.read_array_header_1_0
                if version[0] > 1:
                    header = np.lib.format.read_array_header_2_0
                shape, is_fortran, self.dtype = header(file)
                self._start = file.tell()
        except (OSError, ValueError, EOFError, SyntaxError, TokenError, TypeError) as error:
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RecordingError(f"{path} is damaged: {text}") from None
        if self.dtype.hasobject or not shape:
            raise RecordingError(f"{path} holds no rows of numbers: it is not a recording")
        self._file = FileBytes(path)
        self._row_bytes = int(np.prod(shape[1:], dtype=np.int64)) * self.dtype.itemsize
        whole = (self._file.size - self._start) // max(self._row_bytes, 1)
        self.num_cut = max(shape[0] - whole, 0)
        self._all: Column | None = None
        if is_fortran and len(shape) > 1:
            if self.num_cut:
                self._file.close()
                raise RecordingError(f"{path} is cut short: copy it again")
            data = self._file.read(self._start, shape[0] * self._row_bytes)
            self._all = np.frombuffer(data, self.dtype).reshape(shape, order="F")
        self.shape = (min(shape[0], whole), *shape[1:])

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: slice, /) -> Column:
        if self._all is not None:
            return self._all[rows]
        start, stop, _ = rows.indices(len(self))
        num_bytes = max(stop - start, 0) * self._row_bytes
        data = self._file.read(self._start + start * self._row_bytes, num_bytes)
        found: Any = np.frombuffer(data, self.dtype).reshape(-1, *self.shape[1:])
        array: Column = found
        return array

    def close(self) -> None:
        self._file.close()
