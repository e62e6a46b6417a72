"""What the acquisition's child process writes to its parent: framed reports, never blocking.

The socket between them carries ``HEADER`` and a payload: events as they lie in memory, or JSON.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from events.live.acquisition import Batch, Ended, Opened, Report
from events.packet import EVENT_DTYPE, SensorSize

HEADER = struct.Struct("<cxxxxxxxQQQQ")
"""Kind, bytes of payload, looked_us, events lost, events in the backlog behind this report."""
READY, OPENED, BATCH, ENDED = b"R", b"O", b"B", b"E"
SOCKET_BYTES = 4 << 20
"""Asked for; the system may give less."""
MAX_BACKLOG_EVENTS = 2_000_000
"""32 MB: two seconds of a busy sensor; beyond it the oldest are dropped and counted."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The child has loaded its libraries and waits for an address."""


@dataclass(slots=True, eq=False)
class _Waiting:
    kind: bytes
    payload: memoryview
    looked_us: int = 0
    num_lost: int = 0
    num_events: int = 0


class Outbox:
    """Reports on their way to a parent that may be slow: bounded, oldest batches dropped first."""

    def __init__(self, connection: socket.socket, max_events: int = MAX_BACKLOG_EVENTS) -> None:
        """Take a connected stream socket and make it non-blocking."""
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
        self._connection = connection
        self._max_events = max_events
        self._waiting: deque[_Waiting] = deque()
        self._going: deque[memoryview] = deque()
        self._num_dropped = 0
        self.backlog_events = 0

    @property
    def is_empty(self) -> bool:
        return not self._waiting and not self._going

    def put(self, kind: bytes, text: dict[str, Any] | None = None) -> None:
        """Queue a report that is not a batch."""
        self._waiting.append(_Waiting(kind, memoryview(json.dumps(text or {}).encode())))

    def put_batch(self, batch: Batch) -> None:
        """Queue a batch; one without events only where nothing else would tell the time."""
        num_events = len(batch.events)
        if not num_events and not batch.num_lost and not self.is_empty:
            return
        payload = np.ascontiguousarray(batch.events).view(np.uint8).data
        waiting = _Waiting(BATCH, payload, batch.looked_us, batch.num_lost, num_events)
        self._waiting.append(waiting)
        self.backlog_events += num_events
        while self.backlog_events > self._max_events and self._waiting[0] is not waiting:
            oldest = self._waiting.popleft()
            if oldest.kind != BATCH:
                self._waiting.appendleft(oldest)
                break
            self.backlog_events -= oldest.num_events
            self._num_dropped += oldest.num_events + oldest.num_lost

    def flush(self, timeout_s: float = 0) -> None:
        """Send what the socket takes now, or within ``timeout_s``.

        Raises:
            OSError: the parent has closed its end.
        """
        deadline_s = time.monotonic() + timeout_s
        while self._going or self._waiting:
            if not self._going:
                self._begin(self._waiting.popleft())
            part = self._going[0]
            try:
                num_sent = self._connection.send(part[: 1 << 20])
            except BlockingIOError:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0 or not select.select([], [self._connection], [], left_s)[1]:
                    return
                continue
            self._going.popleft()
            if num_sent < len(part):
                self._going.appendleft(part[num_sent:])

    def _begin(self, report: _Waiting) -> None:
        self.backlog_events -= report.num_events
        num_lost, self._num_dropped = report.num_lost + self._num_dropped, 0
        size, backlog = len(report.payload), self.backlog_events
        header = HEADER.pack(report.kind, size, report.looked_us, num_lost, backlog)
        self._going.append(memoryview(header))
        if size:
            self._going.append(report.payload)


class Inbox:
    """The parent's end: puts the pieces together again, without waiting."""

    def __init__(self, connection: socket.socket) -> None:
        """Take a connected stream socket and make it non-blocking."""
        connection.setblocking(False)
        self._connection = connection
        self._header = bytearray(HEADER.size)
        self._payload: bytearray | None = None
        self._num_read = 0

    def receive(self) -> Report | Ready | None:
        """Return the next whole report; None when it is not there yet.

        Raises:
            EOFError: the child has closed its end.
        """
        if self._payload is None:
            if not self._fill(self._header):
                return None
            self._payload = bytearray(HEADER.unpack(self._header)[1])
        if not self._fill(self._payload):
            return None
        payload, self._payload = self._payload, None
        kind, _, looked_us, num_lost, backlog = HEADER.unpack(self._header)
        if kind == BATCH:
            return Batch(
                events=np.frombuffer(payload, EVENT_DTYPE),
                looked_us=looked_us,
                num_lost=num_lost,
                backlog_events=backlog,
            )
        if kind == READY:
            return Ready()
        text = json.loads(payload)
        if kind == OPENED:
            return Opened(name=text["name"], sensor=SensorSize(*text["sensor"]))
        return Ended(reason=text["reason"])

    def _fill(self, buffer: bytearray) -> bool:
        while self._num_read < len(buffer):
            try:
                num_bytes = self._connection.recv_into(memoryview(buffer)[self._num_read :])
            except BlockingIOError:
                return False
            except ConnectionError:
                num_bytes = 0
            if not num_bytes:
                raise EOFError
            self._num_read += num_bytes
        self._num_read = 0
        return True
