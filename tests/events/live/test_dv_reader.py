from __future__ import annotations

import numpy as np
import pytest
from stand_in_devices import StandInDevice, store

from events.live.dv_reader import MAX_KEPT_EVENTS, DvReader, check_events, error_line
from events.packet import SensorSize, pack_events


def test_events_outside_the_sensor_are_dropped_and_counted() -> None:
    device = StandInDevice(
        [store((1, 0, 0, True), (2, 64, 0, True), (3, 0, 48, False), (4, 63, 47, False))]
    )
    batch = DvReader(device).read()
    assert batch.num_lost == 2
    assert [tuple(e)[:4] for e in batch.events.tolist()] == [(1, 0, 0, 1), (4, 63, 47, 0)]


def test_negative_coordinates_lie_outside() -> None:
    device = StandInDevice([store((1, -1, 0, True), (2, 0, -5, True), (3, 5, 5, True))])
    batch = DvReader(device).read()
    assert (batch.num_lost, len(batch.events)) == (2, 1)


def test_events_out_of_order_are_sorted_and_kept() -> None:
    events = pack_events([5, 3, 4, 4], [0, 1, 2, 3], [0] * 4, [1] * 4)
    checked, num_outside = check_events(events, SensorSize(8, 8))
    assert num_outside == 0
    assert checked["t"].tolist() == [3, 4, 4, 5]
    assert checked["x"].tolist() == [1, 2, 3, 0]


def test_batches_that_overlap_in_time_are_put_in_order() -> None:
    device = StandInDevice([store((1, 0, 0, True), (5, 0, 0, True)), store((3, 1, 1, True))])
    assert DvReader(device).read().events["t"].tolist() == [1, 3, 5]


def test_an_empty_store_is_no_trouble() -> None:
    device = StandInDevice([store(), store((1, 0, 0, True)), store()])
    assert len(DvReader(device).read().events) == 1


def test_an_idle_device_gives_an_empty_batch() -> None:
    batch = DvReader(StandInDevice()).read()
    assert (len(batch.events), batch.num_lost) == (0, 0)


def test_of_a_long_backlog_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.live.dv_reader.MAX_KEPT_EVENTS", 3)
    device = StandInDevice([store(*((t, 0, 0, True) for t in range(5))), store((9, 0, 0, True))])
    batch = DvReader(device).read()
    assert batch.events["t"].tolist() == [3, 4, 9]
    assert batch.num_lost == 3
    assert MAX_KEPT_EVENTS > 1_000_000


def test_the_callers_array_is_dv_processings_no_longer() -> None:
    device = StandInDevice([store((1, 2, 3, True))])
    batch = DvReader(device).read()
    del device
    assert np.array_equal(batch.events["x"], [2])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "/a/b.hpp(88): int f()\nRuntimeError: no such thing\nStacktrace:\n 0# 0x3",
            "no such thing",
        ),
        ("connect: Connection refused [system:111 at /x.hpp]", "connect: Connection refused"),
        ("", "RuntimeError"),
    ],
)
def test_the_telling_line_of_an_error_is_found(text: str, line: str) -> None:
    assert error_line(RuntimeError(text)) == line
