"""What holds for every format whose events are read in chunks from any place on."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from column_files import LAYOUTS, SENSOR, UNIX_US, Layout
from recording_files import all_events, assert_same

from events.packet import EVENT_DTYPE, EventArray, pack_events
from events.recordings.open import open_recording
from events.recordings.recording import Recording, RecordingError
from events.recordings.summary import summarize
from events.recordings.writers import WRITER_FORMATS

EVERY_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
NUM_EVENTS = 700
LIMITS = {
    "columns.ROWS_AT_ONCE": 4096,
    "arrays.ROWS_AT_ONCE": 4096,
    "formats.nmnist_bin.ROWS_AT_ONCE": 4096,
    "formats.event_stream._BLOCK_BYTES": 1 << 14,
    "text_lines.BLOCK_BYTES": 1 << 16,
}
"""Of a chunk, for files of some megabytes."""


def start_of(layout: Layout) -> int:
    return UNIX_US if layout.max_us >= UNIX_US else 20_000


def some_events(layout: Layout, number: int = NUM_EVENTS, seed: int = 0) -> EventArray:
    """Return events whose extent is that of SENSOR."""
    random = np.random.default_rng(seed)
    t = start_of(layout) + np.sort(random.integers(0, 150_000, number))
    x, y = random.integers(0, SENSOR.width, number), random.integers(0, SENSOR.height, number)
    x[:1], y[:1] = SENSOR.width - 1, SENSOR.height - 1
    return pack_events(t, x, y, random.integers(0, 2, number))


def written(layout: Layout, folder: Path, events: EventArray) -> Path:
    path = folder / f"recording{layout.suffix}"
    layout.write(path, events)
    return path


def opened(path: Path) -> Recording:
    return open_recording(path, SENSOR)


@contextmanager
def read_or_one_line(path: Path) -> Iterator[None]:
    """Accept what is read, and an error that names the file in one line; nothing else."""
    try:
        yield
    except RecordingError as error:
        if "\n" in str(error) or str(path) not in str(error):
            pytest.fail(f"not one line that names the file: {error}")


@EVERY_LAYOUT
def test_every_event_comes_back(layout: Layout, tmp_path: Path) -> None:
    events = some_events(layout)
    with opened(written(layout, tmp_path, events)) as recording:
        assert_same(all_events(list(recording.packets(duration_us=7_000))), events)
        assert recording.sensor == SENSOR
        assert (recording.start_us, recording.end_us) == (events["t"][0], events["t"][-1] + 1)
        assert recording.damage.is_clean
        assert summarize(recording).num_events == NUM_EVENTS


@EVERY_LAYOUT
@pytest.mark.parametrize("suffix", [".aedat4", ".h5"])
def test_what_is_written_anew_is_the_same(layout: Layout, suffix: str, tmp_path: Path) -> None:
    events = some_events(layout)
    made, form = tmp_path / f"anew{suffix}", WRITER_FORMATS[suffix]
    with opened(written(layout, tmp_path, events)) as recording:
        writer = form.open(made, SENSOR, "TEST_1", form.compressions[0], ["events", "frames"])
        with writer:
            for packet in recording.packets():
                writer.write(packet)
            for frame in recording.frames():
                writer.write_frame(frame)
            num_frames = len(list(recording.frames()))
    with open_recording(made) as recording:
        assert_same(recording.events_between(0, 2**61).events, events)
        assert len(list(recording.frames())) == num_frames


@EVERY_LAYOUT
def test_any_slice_holds_the_events_of_its_span(layout: Layout, tmp_path: Path) -> None:
    events = some_events(layout)
    random = np.random.default_rng(1)
    with opened(written(layout, tmp_path, events)) as recording:
        for _ in range(20):
            start_us, end_us = start_of(layout) + np.sort(random.integers(-9_000, 160_000, 2))
            is_within = (events["t"] >= start_us) & (events["t"] < end_us)
            packet = recording.events_between(int(start_us), int(end_us))
            assert_same(packet.events, events[is_within])
            assert (packet.start_us, packet.end_us) == (start_us, end_us)
            packets = list(recording.packets(int(start_us), int(end_us)))
            assert_same(all_events(packets), events[is_within])


@EVERY_LAYOUT
def test_chunks_of_any_size_give_the_same(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from events.recordings import columns, text_lines
    from events.recordings.formats import event_stream, nmnist_bin

    monkeypatch.setattr(columns, "ROWS_AT_ONCE", 64)
    monkeypatch.setattr(nmnist_bin, "ROWS_AT_ONCE", 64)
    monkeypatch.setattr(event_stream, "_BLOCK_BYTES", 333)
    monkeypatch.setattr(text_lines, "BLOCK_BYTES", 1000)
    events = some_events(layout)
    middle_us = int(events["t"][NUM_EVENTS // 2])
    with opened(written(layout, tmp_path, events)) as recording:
        assert len(recording._chunks) > 2
        assert_same(all_events(list(recording.packets())), events)
        later = recording.events_between(middle_us, recording.end_us)
        assert_same(later.events, events[events["t"] >= middle_us])


@pytest.mark.parametrize(
    "name", ["dsec", "metavision", "v2e", "npy", "csv", "nmnist", "event_stream", "event_arrays"]
)
def test_memory_holds_a_chunk_and_not_the_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, limit in LIMITS.items():
        monkeypatch.setattr(f"events.recordings.{module}", limit)
    t = 20_000 + np.arange(200_000)
    path = written(LAYOUTS[name], tmp_path, pack_events(t, t % 64, t % 48, t % 2))
    with opened(path) as recording:
        next(iter(recording.packets()))  # what is compiled is loaded
    tracemalloc.start()
    with opened(path) as recording:
        num_events = sum(map(len, recording.packets()))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert num_events == len(t)
    assert peak_bytes < EVENT_DTYPE.itemsize * len(t) / 2


@EVERY_LAYOUT
def test_the_size_is_inferred_where_the_file_does_not_say_it(
    layout: Layout, tmp_path: Path
) -> None:
    with open_recording(written(layout, tmp_path, some_events(layout))) as recording:
        expected = SENSOR if layout.says_size else layout.sensor
        assert str(recording.sensor) == str(expected or "128x128")


@EVERY_LAYOUT
def test_one_event_is_a_recording(layout: Layout, tmp_path: Path) -> None:
    events = some_events(layout, 1)
    with opened(written(layout, tmp_path, events)) as recording:
        assert_same(all_events(list(recording.packets())), events)
        assert recording.end_us - recording.start_us == 1


@EVERY_LAYOUT
def test_events_of_one_time_stay_in_their_order(layout: Layout, tmp_path: Path) -> None:
    events = some_events(layout)
    events["t"] = start_of(layout)
    with opened(written(layout, tmp_path, events)) as recording:
        assert_same(all_events(list(recording.packets())), events)


@EVERY_LAYOUT
def test_no_events_are_a_recording_without_span_or_one_line(layout: Layout, tmp_path: Path) -> None:
    path = written(layout, tmp_path, some_events(layout)[:0])
    with read_or_one_line(path), opened(path) as recording:
        assert all_events(list(recording.packets())).size == 0
        assert len(recording.events_between(0, 10**16)) == 0


@EVERY_LAYOUT
def test_events_outside_the_sensor_are_dropped_and_counted(layout: Layout, tmp_path: Path) -> None:
    events = some_events(layout)
    events["x"][[5, 300]] = 200
    events["y"][400] = 220
    is_inside = np.ones(NUM_EVENTS, bool)
    is_inside[[5, 300, 400]] = False
    with opened(written(layout, tmp_path, events)) as recording:
        for _ in range(2):  # read again: nothing is counted twice
            assert_same(all_events(list(recording.packets())), events[is_inside])
        assert recording.damage.out_of_bounds_events == 3


@EVERY_LAYOUT
def test_a_wrong_time_costs_one_event(layout: Layout, tmp_path: Path) -> None:
    if not layout.keeps_order:
        pytest.skip("its times are steps from the one before")
    events = some_events(layout)
    events["t"][300] = start_of(layout) + 4_000_000
    events["t"][500] = 3
    is_kept = np.ones(NUM_EVENTS, bool)
    is_kept[[300, 500]] = False
    with opened(written(layout, tmp_path, events)) as recording:
        assert_same(all_events(list(recording.packets())), events[is_kept])
        assert recording.damage.out_of_order_events == 2


@EVERY_LAYOUT
def test_a_file_cut_anywhere_gives_its_first_events_or_one_line(
    layout: Layout, tmp_path: Path
) -> None:
    events = some_events(layout)
    path = written(layout, tmp_path, events)
    data = path.read_bytes()
    for size in np.random.default_rng(2).integers(1, len(data), 12):
        path.write_bytes(data[:size])
        with read_or_one_line(path), opened(path) as recording:
            left = all_events(list(recording.packets()))
            assert_same(left[:-1], events[: max(len(left) - 1, 0)])  # a number may be cut


@EVERY_LAYOUT
def test_noise_amid_a_file_is_counted_or_told_in_one_line(layout: Layout, tmp_path: Path) -> None:
    path = written(layout, tmp_path, some_events(layout))
    data = path.read_bytes()
    random = np.random.default_rng(3)
    for turn in range(10):
        noisy = bytearray(data)
        start = (
            int(random.integers(8, len(data) - 40)) if turn % 2 else int(random.integers(8, 200))
        )
        noisy[start : start + 40] = random.bytes(40)
        path.write_bytes(noisy)
        with read_or_one_line(path), opened(path) as recording:
            all_events([recording.events_between(0, 2 * 10**15)])
            list(recording.frames())
            assert str(recording.damage)
