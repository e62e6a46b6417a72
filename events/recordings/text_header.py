"""The lines of text in front of a binary recording, each after a mark: # (AEDAT), % (RAW, DAT)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from events.recordings.recording import read_start

_MAX_BYTES = 1 << 22
"""jAER writes all of its preferences into the header."""
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class TextHeader:
    """What a file says of itself."""

    lines: tuple[str, ...]
    """Without mark, blanks and line ends around them."""
    num_bytes: int
    """Where the data begin."""

    def value(self, *keys: str) -> str:
        """Return what follows the first line's key, empty without one: "KEY value" or "KEY: value".

        Args:
            keys: In any case; the first one that the header has counts.
        """
        for key in keys:
            for line in self.lines:
                if line.lower().startswith(key.lower()) and line[len(key) : len(key) + 1] in " :":
                    return line[len(key) :].lstrip(": ").strip()
        return ""


def read_text_header(path: Path, mark: bytes, end: str) -> TextHeader:
    """Return the header of a file.

    Args:
        path: The file.
        mark: The byte in front of each line.
        end: The last line, where the format has one; older files end with their last marked line.

    Raises:
        RecordingError: The file cannot be read.
    """
    return parse_text_header(read_start(path, _MAX_BYTES), mark, end)


def parse_text_header(data: bytes, mark: bytes, end: str) -> TextHeader:
    """As read_text_header, of a file that starts with these bytes."""
    lines: list[str] = []
    position = 0
    while data[position : position + 1] == mark:
        stop = data.find(b"\n", position)
        line = data[position + 1 : stop]
        if _BINARY.search(data, position) if stop < 0 else _BINARY.search(line):
            break  # data that happen to begin with the mark
        if stop < 0:  # the file was cut in this line
            return TextHeader(tuple(lines), len(data))
        position = stop + 1
        lines.append(line.decode("latin-1").strip())
        if lines[-1] == end:
            break
    return TextHeader(tuple(lines), position)
