"""Recordings in the formats of words, put together byte by byte from events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from events.packet import EventArray, SensorSize

SENSOR = SensorSize(64, 48)


@dataclass(frozen=True, kw_only=True)
class Form:
    """A format: how to write it, and how far its clock counts."""

    header: bytes
    body: Callable[[EventArray], bytes]
    clock_bits: int
    sensor: SensorSize = SENSOR
    suffix: str = ".raw"

    def write(self, path: Path, events: EventArray) -> Path:
        path.write_bytes(self.header + self.body(events))
        return path


def raw_header(encoding: str, extra: str = "", sensor: SensorSize = SENSOR) -> bytes:
    return (
        f"% date 2024-01-01 10:00:00\n% evt {encoding}\n"
        f"% format EVT{encoding.rstrip('.0').replace('.', '')};"
        f"height={sensor.height};width={sensor.width}{extra}\n"
        f"% geometry {sensor}\n% serial_number 0001\n% end\n"
    ).encode()


def evt2_body(events: EventArray) -> bytes:
    words: list[int] = []
    high = None
    for t, x, y, p in events.tolist():
        if t >> 6 != high:
            high = t >> 6
            words.append(8 << 28 | high & 0xFFFFFFF)
        words.append(p << 28 | (t & 0x3F) << 22 | x << 11 | y)
    return np.array(words, "<u4").tobytes()


def evt21_body(events: EventArray, is_lower_first: bool = True) -> bytes:
    """Events of one time, row and polarity that follow each other share a word where they can."""
    words: list[tuple[int, int]] = []
    high = None
    key = None
    for t, x, y, p in events.tolist():
        if t >> 6 != high:
            high = t >> 6
            words.append((8 << 28 | high & 0xFFFFFFF, 0))
        bit = 1 << x % 32
        if key == (t, x // 32, y, p) and bit > words[-1][1]:
            words[-1] = (words[-1][0], words[-1][1] | bit)
            continue
        key = (t, x // 32, y, p)
        words.append((p << 28 | (t & 0x3F) << 22 | x // 32 * 32 << 11 | y, bit))
    halves = np.array(words, "<u4").reshape(-1, 2)
    return (halves[:, ::-1] if is_lower_first else halves).tobytes()


def evt3_body(events: EventArray, with_vectors: bool = False) -> bytes:
    """Each event that differs from the one before sets what differs."""
    words: list[int] = []
    high = low = row = None
    for t, x, y, p in events.tolist():
        if t >> 12 != high:
            high, low = t >> 12, 0
            words.append(8 << 12 | high & 0xFFF)
        if t & 0xFFF != low:
            low = t & 0xFFF
            words.append(6 << 12 | low)
        if y != row:
            row = y
            words.append(y)
        if with_vectors:  # one event a vector of 12, then an empty one of 8
            words += [3 << 12 | p << 11 | x // 12 * 12, 4 << 12 | 1 << x % 12, 5 << 12]
        else:
            words.append(2 << 12 | p << 11 | x)
    return np.array(words, "<u2").tobytes()


def dat_body(events: EventArray, version: int = 2) -> bytes:
    x, y, p = (events[name].astype(np.int64) for name in "xyp")
    address = x | y << 14 | p << 28 if version == 2 else x | y << 9 | p << 17
    return b"\x00\x08" + np.stack([events["t"] & 0xFFFFFFFF, address], 1).astype("<u4").tobytes()


def dvs128_body(events: EventArray) -> bytes:
    x, y, p = (events[name].astype(np.int64) for name in "xyp")
    return _big_endian((127 - y) << 8 | (127 - x) << 1 | 1 - p, events)


def davis_body(events: EventArray, height: int = 180, width: int = 240) -> bytes:
    x, y, p = (events[name].astype(np.int64) for name in "xyp")
    return _big_endian((height - 1 - y) << 22 | (width - 1 - x) << 12 | p << 11, events)


def _big_endian(address: np.ndarray, events: EventArray) -> bytes:
    return np.stack([address, events["t"] & 0xFFFFFFFF], 1).astype(">u4").tobytes()


def aedat3_packet(
    kind: int, payload: bytes, number: int, overflow: int = 0, size: int = 8
) -> bytes:
    return np.array([kind, size, 4, overflow, number, number, number], "<u4").tobytes() + payload


def aedat3_body(events: EventArray, packet_events: int = 7) -> bytes:
    """Packets of one time's high part, a sample (which is passed over) between any two."""
    data = b""
    for high in np.unique(events["t"] >> 31):
        chosen = events[events["t"] >> 31 == high]
        for start in range(0, len(chosen), packet_events):
            part = chosen[start : start + packet_events]
            x, y, p = (part[name].astype(np.int64) for name in "xyp")
            rows = np.stack([x << 17 | y << 2 | p << 1 | 1, part["t"] & 0x7FFFFFFF], 1)
            data += aedat3_packet(1, rows.astype("<u4").tobytes(), len(part), int(high))
            data += aedat3_packet(3, b"\xff" * 46, 1, int(high), size=46)
    return data


def aedat3_frame(
    t_us: int, pixels: np.ndarray, exposure_us: int = 0, left: int = 0, top: int = 0
) -> bytes:
    """A packet with one frame of (H, W[, 3 or 4]) uint16 values in grey or RGB(A)."""
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    opened = t_us & 0x7FFFFFFF
    times = [opened - 1, opened + exposure_us + 1, opened, opened + exposure_us]
    place = [pixels.shape[1], pixels.shape[0], left, top]
    head = np.array([channels << 1 | 1, *times, *place], "<i4").tobytes()
    payload = head + pixels.astype("<u2").tobytes()
    return aedat3_packet(2, payload, 1, t_us >> 31, size=len(payload))


AEDAT2 = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n"
AEDAT3 = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"
AEDAT3_DAVIS = AEDAT3.replace(b"DVS128", b"DAVIS240C")
FORMS = {
    "evt2": Form(header=raw_header("2.0"), body=evt2_body, clock_bits=34),
    "evt21": Form(header=raw_header("2.1", ";endianness=little"), body=evt21_body, clock_bits=34),
    "evt21 legacy": Form(
        header=raw_header("2.1", ";endianness=legacy"),
        body=lambda events: evt21_body(events, is_lower_first=False),
        clock_bits=34,
    ),
    "evt3": Form(header=raw_header("3.0"), body=evt3_body, clock_bits=24),
    "evt3 vectors": Form(
        header=raw_header("3.0"),
        body=lambda events: evt3_body(events, with_vectors=True),
        clock_bits=24,
    ),
    "dat v1": Form(
        header=b"% Data file containing TD events.\n% Version 1\n% Width 64\n% Height 48\n",
        body=lambda events: dat_body(events, version=1),
        clock_bits=32,
        suffix=".dat",
    ),
    "dat v2": Form(
        header=b"% Data file containing CD events.\n% Version 2\n% Height 48\n% Width 64\n",
        body=dat_body,
        clock_bits=32,
        suffix=".dat",
    ),
    "aedat2 dvs128": Form(
        header=AEDAT2 + b"# AEChip: ch.unizh.ini.jaer.chip.retina.DVS128\r\n",
        body=dvs128_body,
        clock_bits=32,
        sensor=SensorSize(128, 128),
        suffix=".aedat",
    ),
    "aedat2 davis": Form(
        header=AEDAT2 + b"# AEChip: eu.seebetter.ini.chips.davis.DAVIS240C\r\n",
        body=davis_body,
        clock_bits=32,
        sensor=SensorSize(240, 180),
        suffix=".aedat",
    ),
    "aedat3": Form(
        header=AEDAT3,
        body=aedat3_body,
        clock_bits=31,
        sensor=SensorSize(128, 128),
        suffix=".aedat",
    ),
}
