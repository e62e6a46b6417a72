from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest
from event_packets import START_US, WINDOW_US, corner_window, random_window
from tiny_engine import tiny_card

from events.packet import EventPacket, SensorSize, empty_packet, pack_events
from export import event_input
from export.backends.backend import EngineError
from export.event_input import SMALLEST_BUCKET, EventColumns, bucket_of

SENSOR = SensorSize(120, 90)
CARD = dataclasses.replace(tiny_card(), input="events", sensor=(120, 90))


def test_a_bucket_is_the_next_power_of_two_within_limits() -> None:
    found = [bucket_of(num) for num in (0, 1, 4096, 4097, 8192, 1_500_000, 2**23, 2**23 + 1)]
    assert found == [4096, 4096, 4096, 8192, 8192, 2**21, 2**23, 2**23]


@pytest.mark.parametrize("num_events", [0, 1, 4096, 5000])
def test_columns_are_the_events_since_the_start_then_padding(num_events: int) -> None:
    packet = random_window(num_events, SENSOR)
    columns = EventColumns(CARD).fill(packet)
    assert columns.shape == (4, bucket_of(num_events))
    assert columns.dtype == np.int32
    expected = (packet.t - START_US, packet.x, packet.y, packet.p)
    for column, values in zip(columns, expected, strict=True):
        assert np.array_equal(column[:num_events], values)
    assert (columns[:, num_events:] == -1).all()


def test_events_at_the_sensors_edge_and_the_windows_end_keep_their_place() -> None:
    columns = EventColumns(CARD).fill(corner_window(SENSOR))
    assert columns[:, :8].max(axis=1).tolist() == [WINDOW_US - 1, 119, 89, 1]
    assert columns[:, :8].min(axis=1).tolist() == [0, 0, 0, 0]


def test_padding_bytes_of_a_record_are_not_polarity() -> None:
    packet = random_window(3, SENSOR)
    events = packet.events.copy()
    events.view(np.uint8).reshape(-1, 16)[:, 13:] = 0xFF
    columns = EventColumns(CARD).fill(EventPacket(events, SENSOR, START_US, START_US + WINDOW_US))
    assert np.array_equal(columns[3, :3], packet.p)


def test_a_block_is_lent_until_it_is_given_back_and_then_holds_nothing_of_before() -> None:
    filled = EventColumns(CARD)
    first = filled.fill(random_window(3000, SENSOR))
    second = filled.fill(random_window(40, SENSOR))
    third = filled.fill(random_window(50, SENSOR))
    assert not np.shares_memory(first, second)
    assert not np.shares_memory(first, third)
    assert (first[0, :3000] >= 0).all()
    filled.give_back(first)
    again = filled.fill(random_window(7, SENSOR))
    assert np.shares_memory(first, again)
    assert (again[:, 7:] == -1).all()


def test_a_window_of_another_length_is_stretched() -> None:
    packet = random_window(500, SENSOR, duration_us=20_000)
    columns = EventColumns(CARD).fill(packet)
    assert np.array_equal(columns[0, :500], (packet.t - START_US) * WINDOW_US // 20_000)
    instant = EventPacket(pack_events([5], [1], [1], [1]), SENSOR, 5, 5)
    assert EventColumns(CARD).fill(instant)[0, 0] == 0


def test_too_many_events_lose_the_oldest_and_are_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_input, "LARGEST_BUCKET", SMALLEST_BUCKET)
    filled = EventColumns(CARD)
    packet = random_window(SMALLEST_BUCKET + 100, SENSOR)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            columns = filled.fill(packet)
    assert np.array_equal(columns[0], packet.t[100:] - START_US)
    assert filled.overflow.num_dropped == 300
    assert filled.overflow.notes == (
        "300 events dropped: the engine takes the newest 4,096 of a window; take shorter windows",
    )
    assert len(caplog.records) == 1


def test_another_sensor_is_refused_in_one_line() -> None:
    with pytest.raises(EngineError, match=r"of a 120x90 sensor, got 346x260: .*--events 346x260"):
        EventColumns(CARD).fill(empty_packet(SensorSize(346, 260), 0, 1))
