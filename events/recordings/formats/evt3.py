"""Prophesee RAW recordings in EVT 3.0: 16-bit words that say what has changed."""

from __future__ import annotations

from pathlib import Path

from events.packet import SensorSize
from events.recordings import prophesee_header
from events.recordings.recording import Recording

NAME = "Prophesee RAW EVT3"
SUFFIXES = (".raw",)
HAS_MARK = True


def matches(first: bytes, path: Path) -> bool:
    """Whether the header says EVT 3.0."""
    return prophesee_header.raw_encoding(first) == "3.0"


def open_(path: Path, sensor: SensorSize | None) -> Recording:
    """Open a file; ``sensor`` counts where the header does not say its size."""
    from events.recordings.evt_kernels import decode_evt3
    from events.recordings.prophesee_raw import open_raw

    return open_raw(path, sensor, NAME, decode_evt3, events_per_byte=12 / 2)
