"""What the acquisition's child process tells its parent: reports on a socket, events in a ring.

The socket carries ``HEADER`` and, but for batches, a payload of JSON. A batch's events lie in the
ring, in the order of the headers. The parent's questions come as lines of JSON the other way.
"""

from __future__ import annotations

import dataclasses
import json
import socket
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from events.live.acquisition import Batch, Ended, Opened, Report
from events.live.controls import Control
from events.live.ring import EventRing
from events.packet import SensorSize

HEADER = struct.Struct("<cxxxxxxxQQQQ")
"""Kind, bytes of payload or events in the ring, looked_us, events lost, events that wait behind."""
READY, OPENED, BATCH, ENDED, ANSWER = b"R", b"O", b"B", b"E", b"A"
MAX_BACKLOG_EVENTS = 1_000_000
"""16 MB besides the ring; beyond it the oldest are dropped and counted."""
MAX_BATCH_EVENTS = 1 << 16
"""A batch of more, or of more than half of the ring, is told in several."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The child has loaded its libraries and waits for an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a question about the camera's settings."""

    number: int
    """The question's."""
    control: Control | None
    """As the camera then has it; None where ``error`` says why not."""
    error: str = ""


class Outbox:
    """Reports on their way to a parent that may be slow: bounded, oldest batches dropped first."""

    def __init__(
        self, connection: socket.socket, ring: EventRing, max_events: int = MAX_BACKLOG_EVENTS
    ) -> None:
        """Take a connected stream socket, made non-blocking, and the ring's writing end."""
        connection.setblocking(False)
        self._connection = connection
        self._ring = ring
        self._max_events = max_events
        self._max_batch = min(MAX_BATCH_EVENTS, max(ring.capacity // 2, 1))
        self._waiting: deque[tuple[bytes, bytes] | Batch] = deque()
        """Kinds with their payloads, and batches."""
        self._going = b""
        self._num_dropped = 0
        self.backlog_events = 0
        """Events that wait here for room in the ring."""

    @property
    def is_empty(self) -> bool:
        return not self._waiting and not self._going

    def put(self, kind: bytes, text: dict[str, Any] | None = None) -> None:
        """Queue a report that is not a batch."""
        self._waiting.append((kind, json.dumps(text or {}).encode()))

    def put_batch(self, batch: Batch) -> None:
        """Queue a batch; one without events only where nothing else would tell the time."""
        if not len(batch.events) and not batch.num_lost and not self.is_empty:
            return
        self._waiting.extend(_parts(batch, self._max_batch))
        self.backlog_events += len(batch.events)
        while self.backlog_events > self._max_events and len(self._waiting) > 1:
            if not isinstance(self._waiting[0], Batch):
                break
            oldest = self._waiting.popleft()
            assert isinstance(oldest, Batch)
            self.backlog_events -= len(oldest.events)
            self._num_dropped += len(oldest.events) + oldest.num_lost

    def flush(self) -> None:
        """Tell what socket and ring have room for now.

        Raises:
            OSError: the parent has closed its end.
        """
        while self._going or (self._waiting and self._begin(self._waiting[0])):
            try:
                num_sent = self._connection.send(self._going)
            except BlockingIOError:
                return
            self._going = self._going[num_sent:]

    def _begin(self, report: tuple[bytes, bytes] | Batch) -> bool:
        """Move the oldest report into the ring and ``_going``; False where the ring has no room."""
        if not isinstance(report, Batch):
            kind, payload = report
            self._going = HEADER.pack(kind, len(payload), 0, 0, self.backlog_events) + payload
        elif self._ring.write(report.events):
            num_events = len(report.events)
            self.backlog_events -= num_events
            num_lost, self._num_dropped = report.num_lost + self._num_dropped, 0
            self._going = HEADER.pack(
                BATCH, num_events, report.looked_us, num_lost, self.backlog_events
            )
        else:
            return False
        self._waiting.popleft()
        return True


def _parts(batch: Batch, max_events: int) -> Iterator[Batch]:
    """Yield a batch in parts of ``max_events`` at most; the losses come with the first."""
    events = np.ascontiguousarray(batch.events)
    for first in range(0, max(len(events), 1), max_events):
        yield dataclasses.replace(
            batch,
            events=events[first : first + max_events],
            num_lost=0 if first else batch.num_lost,
        )


class Inbox:
    """The parent's end: puts the pieces together again, without waiting."""

    def __init__(self, connection: socket.socket, ring: EventRing) -> None:
        """Take a connected stream socket, made non-blocking, and the ring's reading end."""
        connection.setblocking(False)
        self._connection = connection
        self._ring = ring
        self._received = b""

    def receive(self) -> Report | Ready | Answer | None:
        """Return the next whole report; None when it is not there yet.

        Raises:
            EOFError: the child has closed its end.
        """
        if not self._has(HEADER.size):
            return None
        kind, size, looked_us, num_lost, backlog = HEADER.unpack_from(self._received)
        if kind == BATCH:
            self._received = self._received[HEADER.size :]
            return Batch(
                events=self._ring.read(size),
                looked_us=looked_us,
                num_lost=num_lost,
                backlog_events=backlog + self._ring.num_unread,
            )
        if not self._has(HEADER.size + size):
            return None
        payload = self._received[HEADER.size : HEADER.size + size]
        self._received = self._received[HEADER.size + size :]
        return _report(kind, json.loads(payload))

    def _has(self, num_bytes: int) -> bool:
        """Whether so many bytes have come."""
        while len(self._received) < num_bytes:
            try:
                # No more than that: a select on the socket must tell of what is left.
                part = self._connection.recv(num_bytes - len(self._received))
            except BlockingIOError:
                return False
            except ConnectionError:
                part = b""
            if not part:
                raise EOFError
            self._received += part
        return True


def _report(kind: bytes, text: dict[str, Any]) -> Report | Ready | Answer:
    if kind == READY:
        return Ready()
    if kind == OPENED:
        controls = tuple(control_of(control) for control in text["controls"])
        sensor = SensorSize(*text["sensor"])
        return Opened(name=text["name"], sensor=sensor, controls=controls)
    if kind == ANSWER:
        control = control_of(text["control"]) if text["control"] else None
        return Answer(number=text["number"], control=control, error=text["error"])
    return Ended(reason=text["reason"])


def control_of(text: dict[str, Any]) -> Control:
    """Return a control that went through JSON, which knows no tuples."""
    value = tuple(text["value"]) if isinstance(text["value"], list) else text["value"]
    return Control(**{**text, "value": value, "choices": tuple(text.get("choices", ()))})
