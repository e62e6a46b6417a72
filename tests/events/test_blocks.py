from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from events.blocks import MOST_SPARE, NUM_KEPT, EventBlocks
from events.packet import EVENT_DTYPE, EventArray, EventPacket, SensorSize
from events.windows import WindowConfig, Windower


def address(events: EventArray) -> int:
    return int(events.__array_interface__["data"][0])


@pytest.mark.parametrize("num_events", [0, 1, 5, 1024, 1025])
def test_as_many_events_are_lent_as_are_asked_for(num_events: int) -> None:
    events = EventBlocks().lend(num_events)
    assert num_events <= len(events) <= 2 * max(num_events, 1)
    assert events.dtype == EVENT_DTYPE
    events["t"] = 7  # it can be written
    assert (events["t"] == 7).all()


def test_memory_is_lent_again_once_nothing_shows_it() -> None:
    blocks = EventBlocks()
    events = blocks.lend(1000)
    first = address(events)
    del events
    assert address(blocks.lend(900)) == first, "a like need finds it"


def look_at(events: EventArray, how: str) -> object:
    if how == "packet":
        return EventPacket(events[3:9], SensorSize(4, 4), 0, 1).words
    return {
        "slice": lambda: events[10:20],
        "column": lambda: events["t"],
        "view of a view": lambda: events[2:][1:].view(np.int64),
    }[how]()


@pytest.mark.parametrize("how", ["slice", "column", "view of a view", "packet"])
def test_what_is_still_shown_is_not_lent_again(how: str) -> None:
    blocks = EventBlocks()
    events = blocks.lend(1000)
    events[:] = np.zeros(1, EVENT_DTYPE)
    first, shown = address(events), look_at(events, how)
    del events
    gc.collect()
    assert address(blocks.lend(1000)) != first
    del shown
    gc.collect()
    assert address(blocks.lend(1000)) == first


def test_blocks_of_a_burst_and_those_that_became_too_small_are_given_up() -> None:
    blocks = EventBlocks()
    large = blocks.lend(1024 * MOST_SPARE * 2)
    small = blocks.lend(512)
    del large, small
    fitting = blocks.lend(1024)
    assert len(fitting) == 1024
    assert blocks._free == []


def test_only_a_few_blocks_wait() -> None:
    blocks = EventBlocks()
    lent = [blocks.lend(64) for _ in range(3 * NUM_KEPT)]
    del lent
    kept = blocks.lend(64)
    assert len(blocks._free) < NUM_KEPT
    assert len(kept) == 64


def test_another_thread_may_drop_the_last_view() -> None:
    blocks = EventBlocks()
    shown = [blocks.lend(4096)]
    first = address(shown[0])
    thread = threading.Thread(target=shown.clear)
    thread.start()
    thread.join()
    assert address(blocks.lend(4096)) == first


def test_windows_that_are_kept_do_not_change_while_memory_is_used_again() -> None:
    random = np.random.default_rng(0)
    sensor, windower = SensorSize(64, 48), Windower(WindowConfig(length_us=5_000, stride_us=2_000))
    seen, packets = [], []
    for start_us in range(0, 400_000, 1_000):
        events = np.zeros(random.integers(0, 3_000), EVENT_DTYPE)
        events["t"] = np.sort(random.integers(start_us, start_us + 1_000, len(events)))
        packets.append(events["t"].copy())
        for window in windower.push(EventPacket(events, sensor, start_us, start_us + 1_000)):
            if window.index % 7 == 0:
                seen.append(window)
    every_t = np.concatenate(packets)
    assert len(seen) > 20
    for window in seen:
        start_us, end_us = window.packet.start_us, window.packet.end_us
        expected = every_t[(every_t >= start_us) & (every_t < end_us)]
        np.testing.assert_array_equal(window.packet.t, expected)
