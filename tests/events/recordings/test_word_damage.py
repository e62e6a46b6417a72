"""Damaged files of words: what can be true is read, and what cannot is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recording_files import all_events, assert_same, random_events
from word_files import (
    AEDAT3,
    FORMS,
    Form,
    aedat3_body,
    aedat3_packet,
    dvs128_body,
    evt2_body,
    evt3_body,
    raw_header,
)

from events.packet import EventArray
from events.recordings import word_stream
from events.recordings.open import open_recording
from events.recordings.recording import Damage, RecordingError

EVERY_FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def read(path: Path) -> tuple[EventArray, Damage]:
    with open_recording(path) as recording:
        events = all_events(list(recording.packets(duration_us=10_000_000)))
        return events, recording.damage


@EVERY_FORM
def test_a_file_cut_at_any_byte_keeps_what_is_before(tmp_path: Path, form: Form) -> None:
    events = random_events(5, start_us=9_000)
    data = form.header + form.body(events)
    path = tmp_path / f"cut{form.suffix}"
    message = ""
    for size in range(1, len(data)):
        path.write_bytes(data[:size])
        try:
            found, damage = read(path)
        except RecordingError as error:
            message = str(error)
            continue
        assert_same(found, events[: len(found)])
        assert damage.num_lost == damage.out_of_bounds_events == 0
        assert damage.skipped_bytes < 36  # at most the header of a packet and an event
    assert len(found) >= 4
    assert message  # that the header was cut
    assert "\n" not in message


@EVERY_FORM
def test_flipped_bits_cost_few_events(tmp_path: Path, form: Form) -> None:
    events = random_events(20_000, start_us=9_000)
    body = bytearray(form.body(events))
    random = np.random.default_rng(3)
    for at in random.integers(40, len(body), 10).tolist():
        body[at] ^= 1 << int(random.integers(8))
    path = tmp_path / "flipped.bin"
    path.write_bytes(form.header + bytes(body))
    found, _ = read(path)
    # A wrong time's high part costs the events up to the next; EVT3 sends one every 4 ms.
    assert len(found) > 0.6 * len(events)


@EVERY_FORM
@pytest.mark.parametrize("seed", range(2))
def test_noise_is_read_without_a_fault(tmp_path: Path, form: Form, seed: int) -> None:
    noise = np.random.default_rng(seed).bytes(30_000)
    path = tmp_path / "noise.bin"
    path.write_bytes(form.header + b"\x00\x08" + noise)
    found, damage = read(path)
    assert not damage.is_clean
    assert len(found) <= 12 * len(noise)


@EVERY_FORM
@pytest.mark.parametrize("fill", [b"\x00", b"\xff"])
def test_a_hole_in_the_middle_is_passed(
    tmp_path: Path, form: Form, fill: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_stream, "CHUNK_BYTES", 4_096)
    events = random_events(8_000, start_us=9_000)
    body = bytearray(form.body(events))
    middle = len(body) // 2 // 8 * 8 + 2
    body[middle : middle + 800] = fill * 800
    path = tmp_path / "hole.bin"
    path.write_bytes(form.header + bytes(body))
    found, _ = read(path)
    assert len(found) > 0.8 * len(events)


def test_a_tail_that_was_cut_off_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "tail.raw"
    path.write_bytes(raw_header("2.0") + evt2_body(random_events(100)) + b"\x01\x02\x03")
    assert read(path)[1] == Damage(skipped_bytes=3)


def test_events_before_the_first_time_are_lost_and_counted(tmp_path: Path) -> None:
    events = random_events(100, start_us=9_000)
    for header, body, unit in (("2.0", evt2_body(events), 4), ("3.0", evt3_body(events), 2)):
        early = np.array([1 << 28 | 5 << 11 | 6], "<u4") if unit == 4 else np.array([0x2005], "<u2")
        path = tmp_path / "early.raw"
        path.write_bytes(raw_header(header) + early.tobytes() * 3 + body)
        found, damage = read(path)
        assert_same(found, events)
        assert damage == Damage(lost_events=3)


def test_words_of_unknown_type_are_skipped_and_counted(tmp_path: Path) -> None:
    events = random_events(100, start_us=9_000)
    path = tmp_path / "unknown.raw"
    path.write_bytes(raw_header("2.0") + np.array([5 << 28], "<u4").tobytes() + evt2_body(events))
    found, damage = read(path)
    assert_same(found, events)
    assert damage == Damage(skipped_bytes=4)


@pytest.mark.parametrize("bit", range(12))
@pytest.mark.parametrize("value", [0x0AA, 0xF55])
def test_a_wrong_bit_in_a_time_costs_its_events_only(tmp_path: Path, bit: int, value: int) -> None:
    events = random_events(3_000, start_us=value << 12, span_us=80_000)
    words = np.frombuffer(evt3_body(events), "<u2").copy()
    fourth = np.flatnonzero(words >> 12 == 8)[4]
    words[fourth] ^= 1 << bit
    path = tmp_path / "bit.raw"
    path.write_bytes(raw_header("3.0") + words.tobytes())
    found, damage = read(path)
    # Where the wrong time still fits between its neighbours, nothing shows.
    assert len(found) + damage.num_lost == len(events)
    assert len(found) > 0.85 * len(events)
    assert abs(int(found["t"][-1]) - int(events["t"][-1])) <= 1 << 12


def test_events_outside_of_the_sensor_are_dropped_and_counted(tmp_path: Path) -> None:
    events = random_events(500, start_us=9_000)
    outside = events.copy()
    outside["x"][100:110] = 64
    path = tmp_path / "outside.raw"
    path.write_bytes(raw_header("2.0") + evt2_body(outside))
    found, damage = read(path)
    assert_same(found, np.delete(events, range(100, 110)))
    assert damage == Damage(out_of_bounds_events=10)


def test_a_clock_that_was_set_back_goes_on_after_a_thousand_events(tmp_path: Path) -> None:
    before = random_events(5_000, seed=1, start_us=500_000_000)
    after = random_events(5_000, seed=2, start_us=0)
    path = tmp_path / "restart.aedat"
    header = FORMS["aedat2 dvs128"].header
    path.write_bytes(header + dvs128_body(before) + dvs128_body(after))
    found, damage = read(path)
    assert 8_990 <= len(found) <= 9_010
    assert damage.out_of_order_events == 10_000 - len(found)
    assert found["t"][-1] - found["t"][0] < 400_000


def test_a_broken_packet_header_costs_its_packet_only(tmp_path: Path) -> None:
    events = random_events(700, start_us=9_000)
    body = bytearray(aedat3_body(events, packet_events=100))
    second = 28 + 100 * 8 + 28 + 46
    body[second + 4 : second + 8] = b"\xff" * 4  # the size of its events
    path = tmp_path / "packet.aedat"
    path.write_bytes(AEDAT3 + bytes(body))
    found, damage = read(path)
    assert_same(found, np.delete(events, range(100, 200)))
    assert damage.skipped_bytes == 28 + 100 * 8


def test_events_that_a_filter_took_out_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "invalid.aedat"
    rows = np.array([[5 << 17 | 6 << 2 | 1, 1_000], [5 << 17 | 6 << 2, 1_001]], "<u4")
    path.write_bytes(AEDAT3 + aedat3_packet(1, rows.tobytes(), 2))
    found, damage = read(path)
    assert found.tolist() == [(1_000, 5, 6, 0)]
    assert damage.is_clean
