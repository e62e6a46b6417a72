"""How fast recordings of binary words (RAW, DAT, AEDAT 2 and 3) are opened and read whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from events.packet import EventArray, EventPacket
from events.recordings.open import open_recording

_ROUNDS = 5
Words = npt.NDArray[np.int64]


def word_rates(packet: EventPacket, folder: Path) -> dict[str, float]:
    """Return million events a second of processor time for each format, on one core.

    Opening (which notes the times of the whole file) and reading every event, checked: best of
    several rounds, from the page cache.

    Args:
        packet: What to write; of a sensor of 128x128 at least, or as much of it as a format can.
        folder: Where to write the files.
    """
    rates = {}
    for name, (header, body) in _FORMATS.items():
        path = folder / f"bench_{name}"
        path.write_bytes(header.format(size=packet.sensor).encode() + body(packet.events))
        rates[name] = max(_rate(path, len(packet)) for _ in range(_ROUNDS))
    return rates


def _rate(path: Path, num_events: int) -> float:
    started_s = time.process_time()
    with open_recording(path) as recording:
        found = sum(len(part) for part in recording.packets(duration_us=100_000))
    assert found == num_events, f"{path.name}: {found} of {num_events} events"
    return num_events / (time.process_time() - started_s) / 1e6


def _columns(events: EventArray) -> tuple[Words, Words, Words, Words]:
    t, x, y, p = (events[name].astype(np.int64) for name in "txyp")
    return t - t[0] + 1_000_000, x, y, p


def _evt2(events: EventArray) -> bytes:
    t, x, y, p = _columns(events)
    words = p << 28 | (t & 0x3F) << 22 | x << 11 | y
    new = np.flatnonzero(np.diff(t >> 6, prepend=-1))
    return np.insert(words, new, 8 << 28 | (t[new] >> 6)).astype("<u4").tobytes()


def _evt21(events: EventArray) -> bytes:
    t, x, y, p = _columns(events)
    words = (p << 28 | (t & 0x3F) << 22 | x >> 5 << 16 | y) << 32 | 1 << (x & 31)
    new = np.flatnonzero(np.diff(t >> 6, prepend=-1))
    return np.insert(words, new, (8 << 28 | (t[new] >> 6)) << 32).astype("<i8").tobytes()


def _evt3(events: EventArray) -> bytes:
    t, x, y, p = _columns(events)
    words = np.stack([6 << 12 | t & 0xFFF, y, 2 << 12 | p << 11 | x], 1).reshape(-1)
    new = np.flatnonzero(np.diff(t >> 12, prepend=-1))
    return np.insert(words, 3 * new, 8 << 12 | t[new] >> 12 & 0xFFF).astype("<u2").tobytes()


def _dat(events: EventArray) -> bytes:
    t, x, y, p = _columns(events)
    return b"\x00\x08" + np.stack([t, x | y << 14 | p << 28], 1).astype("<u4").tobytes()


def _aedat2(events: EventArray) -> bytes:
    t, x, y, p = _columns(events)
    return np.stack([y << 22 | x << 12 | p << 11, t], 1).astype(">u4").tobytes()


def _aedat3(events: EventArray) -> bytes:
    t, x, y, p = _columns(events)
    rows = np.stack([x << 17 | y << 2 | p << 1 | 1, t], 1).astype("<u4")
    parts = [rows[start : start + 4096] for start in range(0, len(rows), 4096)]
    return b"".join(
        np.array([1, 8, 4, 0, *[len(part)] * 3], "<u4").tobytes() + part.tobytes() for part in parts
    )


_FORMATS: dict[str, tuple[str, Callable[[EventArray], bytes]]] = {
    "evt2": ("% evt 2.0\n% geometry {size}\n% end\n", _evt2),
    "evt21": ("% evt 2.1\n% format EVT21;endianness=little\n% geometry {size}\n% end\n", _evt21),
    "evt3": ("% evt 3.0\n% geometry {size}\n% end\n", _evt3),
    "dat": ("% Data file containing CD\n% Version 2\n% geometry {size}\n", _dat),
    "aedat2": ("#!AER-DAT2.0\r\n# AEChip: Davis640\r\n", _aedat2),
    "aedat3": ("#!AER-DAT3.1\r\n#Source 1: DAVIS640\r\n#!END-HEADER\r\n", _aedat3),
}
