"""LiveClock: batches that arrive when they like, as packets that touch and a clock that goes on.

Policy. While events flow, the clock is the newest event's time: nothing waits. When none have come
for QUIET_US, it goes on with the wall clock, behind by the delay at which this stream's events have
lately arrived, so that the next ones still lie ahead of it. Events that come later than that are
moved up to the clock, by LATE_LIMIT_US at most, counted, and make it keep more distance. What is
further off, or more than AHEAD_LIMIT_US ahead, says that the stream's own clock jumped: a new
segment starts at its own time.
"""

from __future__ import annotations

import itertools
import time
from collections import deque

import numpy as np

from events.live.acquisition import Batch
from events.packet import EventArray, EventPacket, SensorSize, join_events

LATE_LIMIT_US = 250_000
AHEAD_LIMIT_US = 1_000_000
QUIET_US = 50_000
MARGIN_US = 2_000
MARGIN_DECAY = 0.98
"""A batch: what a late event added to the distance is forgotten after some hundred batches."""
FIRST_DELAY_US = 50_000
"""Assumed delay before the first event: cameras stamp microseconds since 1970."""
NUM_REMEMBERED = 64
"""Batches whose delays are remembered: about 0.6 s of a camera's."""


class LiveClock:
    """Turns a stream's batches into packets; instants of arrival are monotonic_us()."""

    def __init__(self, sensor: SensorSize, now_us: int) -> None:
        self.num_lost = 0
        self.num_late = 0
        """Events that were moved up to the clock."""
        self._sensor = sensor
        self._pending: list[EventArray] = []
        self._jumped: list[EventPacket] = []
        self._num_lost_pending = 0
        self._oldest_delay_us: deque[int] = deque(maxlen=NUM_REMEMBERED)
        self._newest_delay_us = 0
        self._margin_us = float(MARGIN_US)
        self._first_delay_us = now_us - time.time_ns() // 1000 + FIRST_DELAY_US
        self._arrived_us = now_us - QUIET_US
        self._clock_us = now_us - self._first_delay_us
        self._newest_us = self._clock_us

    @property
    def clock_us(self) -> int:
        """Event time up to which packets were taken."""
        return self._clock_us

    @property
    def backlog_events(self) -> int:
        return sum(len(events) for events in self._pending)

    def add(self, batch: Batch) -> None:
        """Take in a batch that arrived at ``batch.looked_us``."""
        self.num_lost += batch.num_lost
        self._num_lost_pending += batch.num_lost
        if not len(batch.events):
            return
        oldest_us, newest_us = int(batch.events["t"][0]), int(batch.events["t"][-1])
        latest_us = max(self._newest_us, batch.looked_us - self._delay_us())
        is_behind = oldest_us < self._clock_us - LATE_LIMIT_US
        is_ahead = oldest_us > latest_us + AHEAD_LIMIT_US
        if is_behind or is_ahead:
            self._jump(oldest_us)
        self._oldest_delay_us.append(batch.looked_us - oldest_us)
        self._newest_delay_us = batch.looked_us - newest_us
        self._margin_us = max(self._margin_us * MARGIN_DECAY, MARGIN_US)
        self._arrived_us = batch.looked_us
        self._newest_us = max(self._newest_us, newest_us)
        self._pending.append(batch.events)

    def take(self, now_us: int) -> list[EventPacket]:
        """Return the packets up to now: one, or more where the stream jumped."""
        # The newest microsecond stays open: the next batch may hold more events of it.
        is_quiet = now_us - self._arrived_us > QUIET_US
        quiet_us = now_us - self._delay_us() if is_quiet else self._clock_us
        packets = [*self._jumped, self._cut(max(self._clock_us, self._newest_us, quiet_us))]
        self._jumped = []
        return packets

    def finish(self) -> list[EventPacket]:
        """Return what is left when the stream is over."""
        packets = [*self._jumped, self._cut(None)]
        self._jumped = []
        return packets

    def _delay_us(self) -> int:
        if not self._oldest_delay_us:
            return self._first_delay_us
        most_us = self._newest_delay_us + LATE_LIMIT_US  # one hiccup must not stop the clock
        return min(max(self._oldest_delay_us), most_us) + int(self._margin_us)

    def _jump(self, start_us: int) -> None:
        if self._pending:
            self._jumped.append(self._cut(None))
        self._oldest_delay_us.clear()
        self._clock_us = self._newest_us = start_us

    def _cut(self, end_us: int | None) -> EventPacket:
        """Return the pending events before ``end_us``, or all, as the next packet."""
        start_us = self._clock_us
        parts = self._pending
        # Each part is sorted: its ends and a bisection tell what all of its events would.
        num_late = sum(int(np.searchsorted(part["t"], start_us)) for part in parts)
        is_ordered = all(a["t"][-1] <= b["t"][0] for a, b in itertools.pairwise(parts))
        events = join_events(parts)
        if num_late:
            self.num_late += num_late
            lateness_us = start_us - int(events["t"].min())
            self._margin_us = min(self._margin_us + lateness_us, LATE_LIMIT_US)
            events["t"] = np.maximum(events["t"], start_us)
        if not is_ordered:
            events = events[np.argsort(events["t"], kind="stable")]
        if end_us is None:
            end_us = int(events["t"][-1]) + 1 if len(events) else start_us
        self._clock_us = end_us
        num_before = int(np.searchsorted(events["t"], end_us))
        self._pending = [events[num_before:]] if num_before < len(events) else []
        num_lost, self._num_lost_pending = self._num_lost_pending, 0
        return EventPacket(events[:num_before], self._sensor, start_us, end_us, num_lost)
