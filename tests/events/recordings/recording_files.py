"""Recordings to test with: whole, without an index, or put together byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from events.packet import EventArray, EventPacket, SensorSize, pack_events
from events.recordings.aedat4_header import index_position_bytes, write_header
from events.recordings.aedat4_payloads import encode_events
from events.recordings.aedat4_writer import Aedat4Writer
from events.recordings.compression import Compression, compressor
from events.recordings.open import open_recording
from events.recordings.recording import Stream

SENSOR = SensorSize(64, 48)
COMPRESSIONS = [member.name.lower() for member in Compression]
UNIX_US = 1_000_000_000_000_000


def random_events(
    number: int, seed: int = 0, start_us: int = UNIX_US, span_us: int = 200_000
) -> EventArray:
    """Return events of SENSOR in order of time."""
    random = np.random.default_rng(seed)
    t = start_us + np.sort(random.integers(0, span_us, number))
    x, y = random.integers(0, SENSOR.width, number), random.integers(0, SENSOR.height, number)
    return pack_events(t, x, y, random.integers(0, 2, number))


def packet_of(events: EventArray) -> EventPacket:
    start_us = int(events["t"][0]) if len(events) else 0
    end_us = int(events["t"][-1]) + 1 if len(events) else 0
    return EventPacket(events, SENSOR, start_us, end_us)


def write_events(
    path: Path, events: EventArray, compression: str = "lz4", packet_events: int = 500
) -> Path:
    """Write events in packets of at most ``packet_events``, with an index."""
    with Aedat4Writer(path, SENSOR, "TEST_1", compression, overwrite=True) as writer:
        for start in range(0, len(events), packet_events):
            writer.write(packet_of(events[start : start + packet_events].copy()))
            writer._flush(is_last=True)
    return path


def without_index(path: Path) -> Path:
    """Make the file what a killed writer leaves."""
    with open_recording(path) as recording:
        header = recording._file.header
    data = bytearray(path.read_bytes()[: header.index_position])
    where, none = index_position_bytes(-1)
    data[where : where + len(none)] = none
    path.write_bytes(data)
    return path


def raw_file(
    path: Path, packets: Sequence[tuple[int, bytes]], compression: Compression = Compression.LZ4
) -> Path:
    """Write payloads (stream id, uncompressed bytes) as they are, without an index."""
    streams = [Stream(0, "events", "events", "TEST_1", SENSOR)]
    data = write_header(compression, streams)
    for stream_id, payload in packets:
        packed = compressor(compression)(payload)
        data += struct.pack("<ii", stream_id, len(packed)) + packed
    path.write_bytes(data)
    return path


def events_payload(events: EventArray) -> bytes:
    return encode_events(events)


def read_all(path: Path) -> EventArray:
    """Return every event that the reader yields; checks order, sensor and spans."""
    with open_recording(path) as recording:
        return all_events(list(recording.packets()))


def all_events(packets: list[EventPacket]) -> EventArray:
    for packet in packets:
        t = packet.t
        assert (t[:-1] <= t[1:]).all()
        assert len(t) == 0 or packet.start_us <= t[0] <= t[-1] < packet.end_us
        assert (packet.x < packet.sensor.width).all()
        assert (packet.y < packet.sensor.height).all()
        assert (packet.p <= 1).all()
    if not packets:
        return pack_events([], [], [], [])
    return np.concatenate([packet.events for packet in packets])


def assert_same(one: EventArray, other: EventArray) -> None:
    assert len(one) == len(other)
    for name in "txyp":
        np.testing.assert_array_equal(one[name], other[name])
