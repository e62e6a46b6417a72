"""Damaged AEDAT4: no hang, no disorder; what is whole is read, what is not is counted."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from recording_files import (
    SENSOR,
    all_events,
    assert_same,
    events_payload,
    random_events,
    raw_file,
    read_all,
    without_index,
    write_events,
)

from events.recordings import compression as compressions
from events.recordings.compression import Compression, CompressionError, decompress
from events.recordings.open import open_recording
from events.recordings.recording import RecordingError

NUM, PACKET = 6_000, 200


@pytest.fixture(params=["none", "lz4", "zstd"])
def compression(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("tenth", range(10))
def test_a_truncated_file_is_read_up_to_the_cut(
    tmp_path: Path, compression: str, tenth: int
) -> None:
    events = random_events(NUM)
    path = write_events(tmp_path / "a.aedat4", events, compression, PACKET)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * tenth // 10])
    if tenth == 0:
        with pytest.raises(RecordingError, match="is empty"):
            open_recording(path)
        return
    with open_recording(path) as recording:
        read = all_events(list(recording.packets()))
        damage = recording.damage
    assert_same(read, events[: len(read)])
    assert len(read) >= NUM * tenth / 10 - NUM * 0.1 - PACKET
    assert damage.index == "missing (the file is cut short)"


@pytest.mark.parametrize("length", [1, 13, 14, 17, 18, 60, 400])
def test_a_file_cut_inside_its_header_says_so(tmp_path: Path, length: int) -> None:
    path = write_events(tmp_path / "a.aedat4", random_events(10))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(RecordingError, match=r"cut short|version line"):
        open_recording(path)


@pytest.mark.parametrize("has_index", [True, False])
def test_flipped_bits_never_hang_and_never_disorder(
    tmp_path: Path, compression: str, has_index: bool
) -> None:
    events = random_events(NUM)
    path = write_events(tmp_path / "a.aedat4", events, compression, PACKET)
    if not has_index:
        without_index(path)
    whole, random = path.read_bytes(), np.random.default_rng(4)
    for _ in range(12):
        data = bytearray(whole)
        for bit in random.integers(8 * 800, 8 * len(data), 5):
            data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        with open_recording(path) as recording:
            read = all_events(list(recording.packets()))
            # Five packets at most are hit; a hit in two neighbours' headers costs both.
            assert len(read) >= NUM - 12 * PACKET
            assert recording.damage.num_lost <= 12 * PACKET


def test_a_damaged_packet_is_skipped_and_its_events_counted_once(tmp_path: Path) -> None:
    events = random_events(NUM)
    path = write_events(tmp_path / "a.aedat4", events, "lz4", PACKET)
    with open_recording(path) as recording:
        row = recording._file.entries.rows[3]
    data = bytearray(path.read_bytes())
    data[row["position"] : row["position"] + 4] = b"oops"
    path.write_bytes(data)
    with open_recording(path) as recording:
        for _ in range(2):
            packets = list(recording.packets())
            assert_same(
                all_events(packets), np.concatenate([events[: 3 * PACKET], events[4 * PACKET :]])
            )
            assert sum(packet.num_lost for packet in packets) == PACKET
            damage = recording.damage
            assert (damage.damaged_packets, damage.lost_events) == (1, PACKET)


@pytest.mark.parametrize("field", ["size", "stream"])
@pytest.mark.parametrize("value", [0, -1, 7, 2**31 - 1, 70_000])
def test_a_broken_packet_header_costs_one_packet(
    tmp_path: Path, compression: str, field: str, value: int
) -> None:
    events = random_events(NUM)
    path = without_index(write_events(tmp_path / "a.aedat4", events, compression, PACKET))
    with open_recording(path) as recording:
        position = int(recording._file.entries.rows[5]["position"])
    data = bytearray(path.read_bytes())
    at = position - (4 if field == "size" else 8)
    data[at : at + 4] = struct.pack("<i", value)
    path.write_bytes(data)
    with open_recording(path) as recording:
        read = all_events(list(recording.packets()))
        damage = recording.damage
    assert len(read) >= NUM - 2 * PACKET
    assert_same(read[: 5 * PACKET], events[: 5 * PACKET])
    assert_same(read[-(NUM - 7 * PACKET) :], events[7 * PACKET :])
    harmless = field == "stream" and value == 0
    assert harmless or damage.damaged_packets + damage.unknown_packets >= 1


def test_a_corrupt_index_is_replaced_by_a_scan(tmp_path: Path, compression: str) -> None:
    events = random_events(NUM)
    path = write_events(tmp_path / "a.aedat4", events, compression, PACKET)
    with open_recording(path) as recording:
        position = recording._file.header.index_position
    whole, random = path.read_bytes(), np.random.default_rng(5)
    for _ in range(10):
        data = bytearray(whole)
        for at in random.integers(position, len(data), 8):
            data[at] ^= int(random.integers(1, 256))
        path.write_bytes(data)
        with open_recording(path) as recording:
            read = all_events(list(recording.packets()))
            if recording.damage.index:
                assert recording.damage.index == "corrupt"
                assert_same(read, events)


def test_an_index_position_that_lies_is_not_believed(tmp_path: Path) -> None:
    events = random_events(NUM)
    path = write_events(tmp_path / "a.aedat4", events, "lz4", PACKET)
    whole = path.read_bytes()
    for position in (1, 700, len(whole) // 2, len(whole) - 1, len(whole), 2**62, -(2**62)):
        path.write_bytes(whole[:54] + struct.pack("<q", position) + whole[62:])
        with open_recording(path) as recording:
            read = all_events(list(recording.packets()))
            assert recording.damage.index
        assert_same(read, events[: len(read)])


def test_packets_of_unknown_types_are_skipped_and_counted(tmp_path: Path, compression: str) -> None:
    events = random_events(1_000)
    other = b"\x14\0\0\0\x10\0\0\0BBOX" + bytes(12)
    packets = [(0, events_payload(events[:500].copy())), (9, other), (9, other)]
    packets.append((0, events_payload(events[500:].copy())))
    path = raw_file(tmp_path / "a.aedat4", packets, Compression[compression.upper()])
    with open_recording(path) as recording:
        assert_same(all_events(list(recording.packets())), events)
        assert recording.damage.unknown_packets == 2
        assert recording.damage.damaged_packets == 0


def test_events_outside_the_sensor_are_dropped_and_counted(tmp_path: Path) -> None:
    events = random_events(1_000)
    events["x"][[10, 700]] = SENSOR.width
    events["y"][20] = 0xFFFF
    path = raw_file(tmp_path / "a.aedat4", [(0, events_payload(events))])
    with open_recording(path) as recording:
        assert_same(all_events(list(recording.packets())), np.delete(events, [10, 20, 700]))
        assert recording.damage.out_of_bounds_events == 3


@pytest.mark.parametrize("wrong_us", [0, -5, 2**62, 1_000_000_000_050_000])
@pytest.mark.parametrize("place", [0, 250, 499, 500, 999])
def test_one_wrong_time_costs_one_event(tmp_path: Path, wrong_us: int, place: int) -> None:
    events = random_events(1_000, span_us=40_000)
    kept = np.delete(events, place)
    events["t"][place] = wrong_us
    parts = [(0, events_payload(part.copy())) for part in np.split(events, 4)]
    path = raw_file(tmp_path / "a.aedat4", parts)
    with open_recording(path) as recording:
        read = all_events(list(recording.packets()))
        if place == 999 and wrong_us == 1_000_000_000_050_000:
            assert_same(read, events)  # later than all others by 10 ms: it may be true
            return
        assert_same(read, kept)
        assert recording.damage.out_of_order_events == 1


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressions, "MAX_PACKET_BYTES", 1 << 20)
    for kind in Compression:
        if kind is not Compression.NONE:
            bomb = compressions.compressor(kind)(bytes(1 << 22))
            with pytest.raises(CompressionError, match="limit"):
                decompress(bomb, kind, 1 << 20)


@pytest.mark.parametrize("content", [bytes(100_000), os.urandom(100_000), b"text\n" * 100])
def test_what_is_no_recording_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.aedat4"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="not a recording") as caught:
        open_recording(path)
    assert "\n" not in str(caught.value)


def test_bodies_of_zeros_and_of_noise_yield_no_events(tmp_path: Path, compression: str) -> None:
    path = without_index(write_events(tmp_path / "a.aedat4", random_events(0), compression))
    header = path.read_bytes()
    noise = np.random.default_rng(6).bytes(300_000)
    for body in (bytes(300_000), noise):
        path.write_bytes(header + body)
        assert len(read_all(path)) == 0
        with open_recording(path) as recording:
            assert recording.damage.skipped_bytes == len(body)
