"""TextChunks: events as lines of numbers, read in blocks of bytes from any place on."""

from __future__ import annotations

import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from events.recordings.chunks import NO_EVENTS, Chunk, Chunks
from events.recordings.columns import Clock, events_of_columns
from events.recordings.file_bytes import FileBytes
from events.recordings.tables import TableLayout

BLOCK_BYTES = 1 << 20
"""Lines that start within such a block of the file are a chunk."""
MAX_LINE_BYTES = 1 << 12
_COMPILE_BYTES = 1 << 19
"""Importing numba takes as long as parsing a few blocks: for less only where it is loaded."""
SEPARATORS = b",;\t"
_TO_SPACES = bytes.maketrans(SEPARATORS, b" " * len(SEPARATORS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Where the numbers of a text are."""

    start: int
    """Byte at which the first line of numbers starts."""
    num_columns: int
    layout: TableLayout
    clock: Clock


class TextChunks(Chunks):
    """The lines of a file; one that is no event is skipped and its bytes are counted."""

    def __init__(self, path: Path, lines: Lines) -> None:
        self._file = FileBytes(path)
        self._lines = lines

    def __len__(self) -> int:
        return -(-self._file.size // BLOCK_BYTES)

    def read(self, number: int) -> Chunk:
        """Return the events of the lines that start in a block."""
        data = self._block(number, BLOCK_BYTES)
        numbers, num_skipped = numbers_of(data, self._lines.num_columns)
        if not len(numbers):
            return Chunk(events=NO_EVENTS, num_skipped_bytes=num_skipped)
        layout = self._lines.layout
        t, x, y, p = layout.columns(numbers)
        events = events_of_columns(self._lines.clock.microseconds(t), x, y, p)
        return Chunk(events=events, num_skipped_bytes=num_skipped)

    def first_us(self, number: int) -> int | None:
        """Return the time in the first line of a block."""
        line = self._block(number, MAX_LINE_BYTES).partition(b"\n")[0]
        numbers, _ = numbers_of(line, self._lines.num_columns)
        if not len(numbers):
            return None
        return int(self._lines.clock.microseconds(numbers[:1, self._lines.layout.t])[0])

    def close(self) -> None:
        self._file.close()

    def _block(self, number: int, num_bytes: int) -> bytes:
        """Return the lines that start in the first ``num_bytes`` of a block."""
        start, stop = number * BLOCK_BYTES, number * BLOCK_BYTES + num_bytes
        if start <= self._lines.start:
            start = self._lines.start
            data = bytes(self._file.read(start, max(stop - start, 0) + MAX_LINE_BYTES, 0))
        else:
            # The line that starts just here is known by the newline before it.
            data = bytes(self._file.read(start - 1, stop - start + 1 + MAX_LINE_BYTES, 0))
            cut = data.find(b"\n") + 1
            if not cut:
                return b""
            data, start = data[cut:], start - 1 + cut
        if start >= stop:
            return b""
        end = data.find(b"\n", stop - start - 1)
        return data if end < 0 else data[:end]


def numbers_of(data: bytes, num_columns: int) -> tuple[npt.NDArray[np.float64], int]:
    """Return ((N, C) numbers of all lines that have C of them, bytes of the lines that have not).

    Lines are separated by newlines, numbers by spaces, tabs, commas or semicolons.
    """
    if len(data) > _COMPILE_BYTES or "numba" in sys.modules:
        numbers = _compiled(data, num_columns)
        if numbers is not None:
            return numbers, 0
    text = data.translate(_TO_SPACES)
    flat = _parsed(text)
    if flat is not None and len(flat) == (text.count(b"\n") + (text[-1:] != b"\n")) * num_columns:
        return flat.reshape(-1, num_columns), 0
    return _one_by_one(text, num_columns)


def _compiled(data: bytes, num_columns: int) -> npt.NDArray[np.float64] | None:
    """Return the numbers of regular lines; None where one is not."""
    from events.recordings.text_kernels import parse_lines

    numbers = np.empty((data.count(b"\n") + 1, num_columns))
    num_rows = parse_lines(np.frombuffer(data, np.uint8), numbers)
    return None if num_rows < 0 else numbers[:num_rows]


def _one_by_one(text: bytes, num_columns: int) -> tuple[npt.NDArray[np.float64], int]:
    rows: list[Any] = []
    num_skipped = 0
    for line in text.split(b"\n"):
        fields = line.split()
        try:
            if len(fields) == num_columns:
                rows.append([float(field) for field in fields])
                continue
        except ValueError:
            pass
        num_skipped += len(line) if fields else 0
    return np.array(rows, np.float64).reshape(-1, num_columns), num_skipped


def _parsed(text: bytes) -> npt.NDArray[np.float64] | None:
    """Return all numbers of a text; None where something in it is none."""
    if not text.strip() or re.search(rb"[^0-9eE+\-. \r\n]", text):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, np.float64, sep=" ")
        except (DeprecationWarning, ValueError):
            return None
