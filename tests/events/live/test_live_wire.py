from __future__ import annotations

import socket

import numpy as np
import pytest

from events.live.acquisition import Batch, Ended, Opened
from events.live.wire import ENDED, OPENED, READY, Inbox, Outbox, Ready
from events.packet import EVENT_DTYPE, SensorSize, pack_events


def batch(first: int, num: int, num_lost: int = 0) -> Batch:
    t = np.arange(first, first + num)
    return Batch(events=pack_events(t, t % 7, t % 5, t % 2), looked_us=first, num_lost=num_lost)


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_reports_arrive_as_they_were_put(ends) -> None:
    outbox, inbox = Outbox(ends[0]), Inbox(ends[1])
    outbox.put(READY)
    outbox.put(OPENED, {"name": "CAM", "sensor": [346, 260]})
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


def test_a_report_in_pieces_waits_for_its_rest(ends) -> None:
    outbox, inbox = Outbox(ends[0]), Inbox(ends[1])
    outbox.put_batch(batch(0, 500_000))  # more than a socket holds
    reports = []
    while not reports:
        outbox.flush()
        report = inbox.receive()
        reports += [report] if report else []
    assert np.array_equal(reports[0].events["t"], np.arange(500_000))


def test_a_parent_that_does_not_read_costs_the_oldest_events_which_are_counted(ends) -> None:
    outbox, inbox = Outbox(ends[0], max_events=1_000_000), Inbox(ends[1])
    for i in range(50):
        outbox.put_batch(batch(i * 100_000, 100_000))
        outbox.flush()
        assert outbox.backlog_events <= 1_000_000
    received = []
    while not outbox.is_empty or not received or len(received[-1].events) == 0:
        outbox.flush()
        if report := inbox.receive():
            received.append(report)
    while report := inbox.receive():
        received.append(report)
    times = np.concatenate([r.events["t"] for r in received])
    assert len(times) + sum(r.num_lost for r in received) == 5_000_000
    assert times[-1] == 4_999_999
    assert np.all(np.diff(times) > 0)


def test_the_time_is_told_only_where_nothing_else_waits(ends) -> None:
    outbox = Outbox(ends[0])
    empty = Batch(events=np.empty(0, EVENT_DTYPE), looked_us=1)
    for _ in range(10):
        outbox.put_batch(empty)
    assert len(outbox._waiting) == 1


def test_a_closed_end_is_told_on_both_sides() -> None:
    ours, theirs = socket.socketpair()
    inbox = Inbox(theirs)
    ours.close()
    with pytest.raises(EOFError):
        inbox.receive()
    outbox = Outbox(theirs)
    outbox.put(ENDED, {"reason": "x"})
    with pytest.raises(OSError, match="Broken pipe"):
        outbox.flush()
    theirs.close()
