from __future__ import annotations

import os
import socket

import numpy as np
import pytest

from events.live.acquisition import Batch, Ended, Opened
from events.live.controls import Control
from events.live.ring import EventRing, make_memory
from events.live.wire import ANSWER, ENDED, OPENED, READY, Answer, Inbox, Outbox, Ready
from events.packet import EVENT_DTYPE, SensorSize, pack_events


def batch(first: int, num: int, num_lost: int = 0) -> Batch:
    t = np.arange(first, first + num)
    return Batch(events=pack_events(t, t % 7, t % 5, t % 2), looked_us=first, num_lost=num_lost)


def rings(capacity: int = 400_000) -> tuple[EventRing, EventRing]:
    memory = make_memory(capacity)
    writer, reader = EventRing(memory), EventRing(memory)
    os.close(memory)
    return writer, reader


@pytest.fixture
def sockets():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def ends(sockets) -> tuple[Outbox, Inbox]:
    writer, reader = rings()
    return Outbox(sockets[0], writer), Inbox(sockets[1], reader)


def test_reports_arrive_as_they_were_put(ends) -> None:
    outbox, inbox = ends
    outbox.put(READY)
    outbox.put(OPENED, {"name": "CAM", "sensor": [346, 260], "controls": []})
    outbox.put_batch(batch(10, 1000, num_lost=3))
    outbox.put(ENDED, {"reason": "over"})
    outbox.flush()
    assert isinstance(inbox.receive(), Ready)
    assert inbox.receive() == Opened(name="CAM", sensor=SensorSize(346, 260))
    received = inbox.receive()
    assert isinstance(received, Batch)
    assert received.events.tobytes() == batch(10, 1000).events.tobytes()
    assert (received.looked_us, received.num_lost) == (10, 3)
    assert inbox.receive() == Ended(reason="over")
    assert inbox.receive() is None


def test_a_batch_larger_than_the_ring_comes_in_parts_with_its_losses_once(ends) -> None:
    outbox, inbox = ends
    outbox.put_batch(batch(0, 500_000, num_lost=7))
    reports = []
    while not outbox.is_empty:
        outbox.flush()
        while report := inbox.receive():
            reports.append(report)
    assert len(reports) > 1
    assert np.array_equal(np.concatenate([r.events["t"] for r in reports]), np.arange(500_000))
    assert [r.num_lost for r in reports] == [7] + [0] * (len(reports) - 1)
    assert reports[-1].backlog_events == 0


def test_a_parent_that_does_not_read_costs_the_oldest_events_which_are_counted(sockets) -> None:
    writer, reader = rings(200_000)
    outbox, inbox = Outbox(sockets[0], writer, max_events=1_000_000), Inbox(sockets[1], reader)
    for i in range(50):
        outbox.put_batch(batch(i * 100_000, 100_000))
        outbox.flush()
        assert outbox.backlog_events <= 1_000_000
    received = []
    while not outbox.is_empty or reader.num_unread:
        outbox.flush()
        while report := inbox.receive():
            received.append(report)
    times = np.concatenate([r.events["t"] for r in received])
    assert len(times) + sum(r.num_lost for r in received) == 5_000_000
    assert times[-1] == 4_999_999
    assert np.all(np.diff(times) > 0)


def test_the_time_is_told_only_where_nothing_else_waits(ends) -> None:
    outbox, _ = ends
    empty = Batch(events=np.empty(0, EVENT_DTYPE), looked_us=1)
    for _ in range(10):
        outbox.put_batch(empty)
    assert len(outbox._waiting) == 1


def test_a_closed_end_is_told_on_both_sides() -> None:
    ours, theirs = socket.socketpair()
    writer, reader = rings(10)
    inbox = Inbox(theirs, reader)
    ours.close()
    with pytest.raises(EOFError):
        inbox.receive()
    outbox = Outbox(theirs, writer)
    outbox.put(ENDED, {"reason": "x"})
    with pytest.raises(OSError, match="Broken pipe"):
        outbox.flush()
    theirs.close()


def test_a_report_that_is_cut_waits_for_its_rest(sockets) -> None:
    ours, theirs = socket.socketpair()
    writer, reader = rings(10)
    outbox, inbox = Outbox(ours, writer), Inbox(sockets[1], reader)
    outbox.put(ENDED, {"reason": "over"})
    outbox.flush()
    whole = theirs.recv(4096)
    for byte in whole[:-1]:
        sockets[0].send(bytes([byte]))
        assert inbox.receive() is None
    sockets[0].send(whole[-1:])
    assert inbox.receive() == Ended(reason="over")
    ours.close()
    theirs.close()


def test_controls_keep_their_types_on_the_way(ends) -> None:
    outbox, inbox = ends
    crop = {"name": "crop", "value": (0, 0, 64, 48)}
    fps = {"name": "readout_fps", "value": "LOW", "choices": ("LOW", "HIGH")}
    outbox.put(OPENED, {"name": "CAM", "sensor": [64, 48], "controls": [crop, fps]})
    outbox.put(ANSWER, {"number": 3, "control": crop, "error": ""})
    outbox.put(ANSWER, {"number": 4, "control": None, "error": "no such control"})
    outbox.flush()
    opened = inbox.receive()
    assert isinstance(opened, Opened)
    assert opened.controls == (Control(**crop), Control(**fps))
    assert inbox.receive() == Answer(number=3, control=Control(**crop))
    assert inbox.receive() == Answer(number=4, control=None, error="no such control")
