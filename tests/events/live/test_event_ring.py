from __future__ import annotations

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from events.live.ring import EventRing, make_memory
from events.packet import EVENT_DTYPE, EventArray, pack_events

EPOCH_US = 10**15


def some_events(first: int, num: int) -> EventArray:
    t = EPOCH_US + np.arange(first, first + num)
    return pack_events(t, t % 7, t % 5, t % 2)


@pytest.fixture
def ends() -> tuple[EventRing, EventRing]:
    memory = make_memory(10)
    writer, reader = EventRing(memory), EventRing(memory)
    os.close(memory)
    return writer, reader


def test_a_new_ring_is_empty(ends) -> None:
    writer, reader = ends
    assert (writer.capacity, writer.num_unread, reader.num_unread) == (10, 0, 0)
    assert len(reader.read(0)) == 0


def test_one_event_arrives_to_the_last_byte(ends) -> None:
    writer, reader = ends
    event = np.frombuffer(bytes(range(16)), EVENT_DTYPE)
    assert writer.write(event)
    assert reader.num_unread == 1
    assert reader.read(1).tobytes() == event.tobytes()
    assert writer.num_unread == 0


def test_events_go_round_the_end_of_the_memory_in_their_order(ends) -> None:
    writer, reader = ends
    received = []
    for first in range(0, 700, 7):
        assert writer.write(some_events(first, 7))
        received.append(reader.read(7))
    assert np.concatenate(received)["t"].tolist() == (EPOCH_US + np.arange(700)).tolist()


def test_a_full_ring_takes_nothing_and_loses_nothing(ends) -> None:
    writer, reader = ends
    assert writer.write(some_events(0, 8))
    assert not writer.write(some_events(8, 3))
    assert writer.num_unread == 8
    assert writer.write(some_events(8, 2))
    assert not writer.write(some_events(10, 1))
    assert reader.read(10)["t"].tolist() == (EPOCH_US + np.arange(10)).tolist()


def test_what_was_read_is_not_overwritten(ends) -> None:
    writer, reader = ends
    writer.write(some_events(0, 10))
    kept = reader.read(10)
    writer.write(some_events(90, 10))
    assert kept["t"][0] == EPOCH_US
    kept["t"][0] = 1  # the reader's own, to change as it likes


def test_more_than_was_written_cannot_be_read(ends) -> None:
    writer, reader = ends
    writer.write(some_events(0, 3))
    with pytest.raises(AssertionError, match="4 of 3 events"):
        reader.read(4)


def test_a_limit_on_files_makes_a_smaller_ring() -> None:
    program = (
        "import resource; from events.live.ring import EventRing, make_memory\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "print(EventRing(make_memory()).capacity)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 1 << 12 <= int(done.stdout) < 1 << 16


def test_without_any_room_the_ring_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(memory: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "ftruncate", full)
    with pytest.raises(OSError, match="No space left"):
        make_memory()
