"""Every format of words: what was written comes out, at every time, in chunks of any size."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from recording_files import UNIX_US, all_events, assert_same, random_events, read_all
from word_files import FORMS, Form

from events.packet import EventArray, pack_events
from events.recordings import word_stream
from events.recordings.open import open_recording
from events.recordings.recording import Recording

EVERY_FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def written(folder: Path, form: Form, events: EventArray) -> Path:
    return form.write(folder / f"a{form.suffix}", events)


def random_rows(
    number: int, seed: int = 0, start_us: int = 5_000, span_us: int = 9_000
) -> EventArray:
    """Return events of which many share time, row and polarity, as cameras send them."""
    random = np.random.default_rng(seed)
    order = np.sort(random.integers(0, number // 3 + 1, number))
    t = start_us + np.sort(random.integers(0, span_us, number // 3 + 1))[order]
    y, p = random.integers(0, 48, number // 3 + 1), random.integers(0, 2, number // 3 + 1)
    return pack_events(t, random.integers(0, 64, number), y[order], p[order])


@EVERY_FORM
def test_events_of_words_come_out_as_they_went_in(tmp_path: Path, form: Form) -> None:
    events = random_rows(3_000)
    with open_recording(written(tmp_path, form, events)) as recording:
        assert isinstance(recording, Recording)
        assert_same(all_events(list(recording.packets(duration_us=1_000))), events)
        assert recording.damage.is_clean
        assert recording.sensor == form.sensor
        assert (recording.start_us, recording.end_us) == (events["t"][0], events["t"][-1] + 1)
        assert list(recording.frames()) == list(recording.imu()) == list(recording.triggers()) == []


@EVERY_FORM
@pytest.mark.parametrize("chunk_bytes", [64, 1_000])
def test_any_span_is_read_from_chunks_of_any_size(
    tmp_path: Path, form: Form, chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_stream, "CHUNK_BYTES", chunk_bytes)
    events = random_rows(500, seed=1)
    random = np.random.default_rng(2)
    with open_recording(written(tmp_path, form, events)) as recording:
        assert_same(all_events(list(recording.packets())), events)
        for _ in range(20):
            start_us, end_us = np.sort(random.integers(4_000, 15_000, 2)).tolist()
            packet = recording.events_between(start_us, end_us)
            assert (packet.start_us, packet.end_us) == (start_us, end_us)
            inside = (events["t"] >= start_us) & (events["t"] < end_us)
            assert_same(packet.events, events[inside])
        assert recording.damage.is_clean


@EVERY_FORM
def test_packets_of_words_touch_and_cover_the_recording(tmp_path: Path, form: Form) -> None:
    events = random_events(300, start_us=7)
    with open_recording(written(tmp_path, form, events)) as recording:
        packets = list(recording.packets(duration_us=777))
        assert (packets[0].start_us, packets[-1].end_us) == (recording.start_us, recording.end_us)
    assert all(a.end_us == b.start_us for a, b in pairwise(packets))
    assert_same(all_events(packets), events)


@EVERY_FORM
def test_a_clock_that_wraps_goes_on(tmp_path: Path, form: Form) -> None:
    events = random_events(2_000, start_us=(1 << form.clock_bits) - 100_000)
    with open_recording(written(tmp_path, form, events)) as recording:
        assert_same(all_events(list(recording.packets())), events)
        assert recording.damage.is_clean


def test_a_clock_of_16_seconds_wraps_many_times(tmp_path: Path) -> None:
    events = random_events(2_000, start_us=1_000_000, span_us=100_000_000)
    assert_same(read_all(written(tmp_path, FORMS["evt3"], events)), events)


@pytest.mark.parametrize("number", [1, 2_000])
def test_a_clock_of_63_bits_needs_no_wrapping(tmp_path: Path, number: int) -> None:
    events = random_events(number, start_us=UNIX_US)
    with open_recording(written(tmp_path, FORMS["aedat3"], events)) as recording:
        assert_same(all_events(list(recording.packets())), events)
        assert (recording.start_us, recording.end_us) == (events["t"][0], events["t"][-1] + 1)
        assert recording.damage.is_clean


@EVERY_FORM
def test_equal_times_stay_in_the_file_s_order(tmp_path: Path, form: Form) -> None:
    events = random_events(700, start_us=123_456, span_us=1)
    with open_recording(written(tmp_path, form, events)) as recording:
        (packet,) = recording.packets()
    assert_same(packet.events, events)


@EVERY_FORM
@pytest.mark.parametrize("t", [0, 1, 70_000])
def test_one_event_of_words_lasts_a_microsecond(tmp_path: Path, form: Form, t: int) -> None:
    events = pack_events([t], [63], [47], [1])
    with open_recording(written(tmp_path, form, events)) as recording:
        (packet,) = recording.packets()
        assert (packet.start_us, packet.end_us) == (t, t + 1)
        assert_same(packet.events, events)


@EVERY_FORM
def test_a_file_of_words_without_events_is_empty_and_not_an_error(
    tmp_path: Path, form: Form
) -> None:
    with open_recording(written(tmp_path, form, random_events(0))) as recording:
        assert recording.start_us == recording.end_us == 0
        assert list(recording.packets()) == []
        assert len(recording.events_between(0, 1_000)) == 0
        assert recording.damage.is_clean


@EVERY_FORM
def test_a_file_that_grows_is_followed(tmp_path: Path, form: Form) -> None:
    events = random_events(400, start_us=50)
    path = written(tmp_path, form, events)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2 + 1])  # in the middle of a word
    with open_recording(path) as recording:
        before = recording.end_us
        path.write_bytes(data)
        assert recording.end_us == events["t"][-1] + 1 > before
        assert_same(all_events(list(recording.packets())), events)
        assert recording.damage.is_clean


@EVERY_FORM
def test_the_format_is_told_by_its_content(tmp_path: Path, form: Form) -> None:
    events = random_events(50, start_us=50)
    assert_same(read_all(form.write(tmp_path / "renamed.bin", events)), events)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    t = np.arange(2_000_000)
    rows = np.stack([t, (t % 64) | (t % 48) << 14], 1).astype("<u4").tobytes()
    path = tmp_path / "large.dat"
    path.write_bytes(FORMS["dat v2"].header + b"\x00\x08" + rows)
    with open_recording(path) as recording:
        assert len(next(recording.packets())) == 10_000  # what is compiled is loaded
        tracemalloc.start()
        num_events = sum(map(len, recording.packets(duration_us=1_000)))
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert num_events == len(t)
    assert peak_bytes < len(rows) / 8
