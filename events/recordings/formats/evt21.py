"""Prophesee RAW recordings in EVT 2.1: 64-bit words, each up to 32 events of one row."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from events.packet import SensorSize
from events.recordings import prophesee_header
from events.recordings.recording import Recording, read_start
from events.recordings.text_header import TextHeader

NAME = "Prophesee RAW EVT2.1"
SUFFIXES = (".raw",)
HAS_MARK = True

_PROBE_BYTES = 1 << 16
_KINDS = (0, 1, 8, 10, 14, 15)


def matches(first: bytes, path: Path) -> bool:
    """Whether the header says EVT 2.1."""
    return prophesee_header.raw_encoding(first) == "2.1"


def open_(path: Path, sensor: SensorSize | None) -> Recording:
    """Open a file; ``sensor`` counts where the header does not say its size."""
    from events.recordings.evt_kernels import decode_evt21_lower_first, decode_evt21_upper_first
    from events.recordings.prophesee_raw import open_raw, read_header

    is_lower_first = _is_lower_first(path, read_header(path))
    decode = decode_evt21_lower_first if is_lower_first else decode_evt21_upper_first
    return open_raw(path, sensor, NAME, decode, events_per_byte=32 / 8)


def _is_lower_first(path: Path, header: TextHeader) -> bool:
    """Return which order the two 32-bit halves of a word have: GenX320's is true, IMX636's false.

    The header says it ("endianness=legacy" is IMX636's); if not, then the half that is always of a
    known type, as the other one is a mask of any value. IMX636's where neither tells.
    """
    order = re.search(r"endianness=(\w+)", header.value("format"))
    if order:
        return order[1] != "legacy"
    data = read_start(path, header.num_bytes + _PROBE_BYTES)[header.num_bytes :]
    kinds = np.frombuffer(data[: len(data) & ~7], "<u4").reshape(-1, 2) >> 28
    num_known = np.isin(kinds, _KINDS).sum(0)
    return bool(num_known[1] > num_known[0])
