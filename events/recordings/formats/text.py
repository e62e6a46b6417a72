"""Text: one event a line, as the Event Camera Dataset, E2VID and many tools write them.

Numbers are separated by spaces, tabs, commas or semicolons. The order of the columns and the unit
of time are told by a line of names (``timestamp,x,y,polarity``, ``t_us``), where there is one, else
by the numbers: see ``table_layout`` and ``clock_of``; numbers without a point are never seconds.
Lines that start with # or % are comments, and a first line of two numbers is the sensor's width and
height. Source of ``t x y p`` in seconds: Mueggler et al., "The Event-Camera Dataset and Simulator",
IJRR 2017, arXiv 1610.08336.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from events.packet import SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.columns import SECONDS, Clock, Column, clock_of, find_names
from events.recordings.recording import RecordingError, read_start
from events.recordings.tables import TableLayout, table_layout
from events.recordings.text_lines import MAX_LINE_BYTES, Lines, TextChunks, numbers_of

NAME = "text (one event a line)"
SUFFIXES = (".txt", ".csv")
HAS_MARK = False
_START_BYTES = 1 << 16
_MAX_HEADER_LINES = 50


def matches(first: bytes, path: Path) -> bool:
    """Whether it is text whose first lines, after comments and names, are four numbers or more."""
    return b"\0" not in first and _find_lines(first) is not None


def open_(path: Path, sensor: SensorSize | None) -> ChunkedRecording:
    """Open a file.

    Raises:
        RecordingError: Its columns are not those of events.
    """
    first = read_start(path, _START_BYTES)
    found = _find_lines(first)
    if found is None:
        raise RecordingError(f"{path} has no line of four numbers: nothing was recorded into it")
    start, num_columns, head = found
    rows, _ = numbers_of(first[start:].rpartition(b"\n")[0] or first[start:], num_columns)
    if not len(rows):
        raise RecordingError(f"{path} is damaged: none of its first lines is an event")
    layout, clock = _layout_by_names(head, rows) or (table_layout(rows[:, :4], path), None)
    if clock is None:
        t = rows[:, layout.t]
        has_points = _has_point(first[start:], layout.t) or bool((t > np.floor(t)).any())
        clock = SECONDS if has_points else clock_of(t.astype(np.int64))
    lines = Lines(start=start, num_columns=num_columns, layout=layout, clock=clock)
    chunks = TextChunks(path, lines)
    try:
        return ChunkedRecording(path, chunks, NAME, _size(head) or sensor)
    except BaseException:
        chunks.close()
        raise


def _find_lines(first: bytes) -> tuple[int, int, list[bytes]] | None:
    """Return (byte of the first line of numbers, its numbers, the lines before it)."""
    start = 0
    head: list[bytes] = []
    for line in first.split(b"\n")[:_MAX_HEADER_LINES]:
        if len(line) <= MAX_LINE_BYTES:
            num_columns = len(line.replace(b",", b" ").replace(b";", b" ").split())
            if num_columns >= 4 and len(numbers_of(line, num_columns)[0]):
                return start, num_columns, head
        start += len(line) + 1
        head.append(line)
    return None


def _layout_by_names(head: list[bytes], rows: Column) -> tuple[TableLayout, Clock | None] | None:
    """Return what a line of names says; None where there is none."""
    for line in head:
        words = line.decode(errors="replace").strip().lstrip("#% ")
        for separator in (",", ";", "\t", None):
            names = [name.strip() for name in words.split(separator)]
            found = find_names(names)
            if found is not None and len(names) == rows.shape[1]:
                t, x, y, p = map(names.index, (found.t, found.x, found.y, found.p))
                return TableLayout(t=t, x=x, y=y, p=p), found.clock
    return None


def _has_point(lines: bytes, column: int) -> bool:
    """Whether the first line's time is written with a decimal point, or with an exponent."""
    first = lines.split(b"\n", 1)[0].replace(b",", b" ").replace(b";", b" ").split()
    return any(mark in first[column] for mark in (b".", b"e", b"E"))


def _size(head: list[bytes]) -> SensorSize | None:
    words = head[0].split() if head else []
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return None
    try:
        return SensorSize(int(words[0]), int(words[1]))
    except ValueError:
        return None
