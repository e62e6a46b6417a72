"""LiveSource: what cameras and network streams have in common."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from events.live.acquisition import Acquisition, Batch, Ended, Opened, monotonic_us
from events.live.clock import LiveClock
from events.packet import EventPacket, SensorSize
from events.sources.source import SourceError, SourceState, SourceStatus

POLL_S = 0.01
"""Longest wait for events: packets flow at 100 a second when there are none."""
UNSEEN_LIMIT_US = 250_000
"""The clock waits for an acquisition that is behind, so long at most."""
LATE_SHOWN_S = 2.0
BACK_OFF_S = (0.25, 0.5, 1.0, 2.0)


class LiveSource:
    """A source that goes on without us: bounded backlog, the oldest events dropped and counted."""

    def __init__(self, acquisition: Acquisition, *, name: str, reconnects: bool) -> None:
        """Take what reads the device.

        Args:
            acquisition: Not connected yet.
            name: What errors and the title call it until it is open.
            reconnects: Whether to try again, for ever, when an open connection is lost; without it
                ``packets`` raises SourceError then.
        """
        self._acquisition = acquisition
        self._address = self._name = name
        self._reconnects = reconnects
        self._stopped = threading.Event()
        self._sensor: SensorSize | None = None
        self._clock: LiveClock | None = None
        self._backlog_events = 0
        self._looked_us = 0
        self._num_late = 0
        self._late_until_s = 0.0
        self._num_tries = 0
        self._retry_s = math.inf
        self._status = SourceStatus(state=SourceState.OPENING, clock_us=0)

    @property
    def name(self) -> str:
        return self._name

    @property
    def sensor(self) -> SensorSize:
        if self._sensor is None:
            raise SourceError(f"{self._address} is not open yet: its sensor is unknown")
        return self._sensor

    @property
    def is_live(self) -> bool:
        return True

    @property
    def status(self) -> SourceStatus:
        return self._status

    def __enter__(self) -> Self:
        self._stopped.clear()
        self._acquisition.connect()
        try:
            while not self._stopped.is_set():
                for report in self._acquisition.poll(POLL_S):
                    if isinstance(report, Ended):
                        raise SourceError(self._explain(report.reason))
                    if isinstance(report, Opened):
                        self._open(report)
                        return self
            raise SourceError(f"{self._address}: opening was stopped")
        except BaseException:
            self._acquisition.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._acquisition.close()
        self._set_status(SourceState.ENDED)

    def stop(self) -> None:
        self._stopped.set()

    def packets(self) -> Iterator[EventPacket]:
        assert self._clock is not None, "packets() needs an open source"
        while not self._stopped.is_set():
            reports = self._acquisition.poll(POLL_S)
            lost_reason = self._take_in(reports)
            self._retry()
            packets = self._clock.take(self._seen_us())
            self._set_status(self._status.state)
            self._tell_late()
            yield from packets
            if lost_reason and not self._reconnects:
                self._set_status(SourceState.ENDED, lost_reason)
                yield from self._clock.finish()
                raise SourceError(self._explain(lost_reason))
        yield from self._clock.finish()
        self._set_status(SourceState.ENDED)

    def _tell_late(self) -> None:
        """Say for a while that events were moved up to the clock, and how many."""
        assert self._clock is not None
        if self._clock.num_late > self._num_late:
            self._num_late = self._clock.num_late
            self._late_until_s = time.monotonic() + LATE_SHOWN_S
        if self._status.state is SourceState.RUNNING:
            is_shown = time.monotonic() < self._late_until_s
            line = f"{self._num_late:,} events came late and were moved up" if is_shown else ""
            self._set_status(SourceState.RUNNING, line)

    def _seen_us(self) -> int:
        """Return up to when it is known what has come."""
        if self._backlog_events:
            return self._looked_us
        return max(self._looked_us, monotonic_us() - UNSEEN_LIMIT_US)

    def _explain(self, reason: str) -> str:
        """Return the line that tells the user why there is no stream, and the cure."""
        return f"{self._address}: {reason}"

    def _open(self, report: Opened) -> None:
        if self._sensor is not None and report.sensor != self._sensor:
            raise SourceError(
                f"{self._address} came back with a sensor of {report.sensor} instead of "
                f"{self._sensor} pixels: open it again"
            )
        self._name, self._sensor = report.name or self._address, report.sensor
        self._clock = self._clock or LiveClock(report.sensor, monotonic_us())
        self._num_tries, self._retry_s = 0, math.inf
        self._set_status(SourceState.RUNNING)

    def _take_in(self, reports: list[Opened | Batch | Ended]) -> str:
        """Account for what has happened; return why the connection was lost, or ""."""
        assert self._clock is not None
        lost_reason = ""
        for report in reports:
            if isinstance(report, Batch):
                self._clock.add(report)
                self._looked_us = report.looked_us
                self._backlog_events = report.backlog_events
            elif isinstance(report, Opened):
                self._open(report)
            else:
                lost_reason = report.reason
                wait_s = BACK_OFF_S[min(self._num_tries, len(BACK_OFF_S) - 1)]
                self._num_tries += 1
                self._retry_s = time.monotonic() + wait_s
                self._backlog_events = 0
                self._set_status(SourceState.RECONNECTING, lost_reason)
        if self._status.state is SourceState.RECONNECTING:
            self._looked_us = monotonic_us()  # nothing can come: the clock need not wait
        return lost_reason

    def _retry(self) -> None:
        if not self._reconnects or self._status.state is not SourceState.RECONNECTING:
            return
        left_s = self._retry_s - time.monotonic()
        if left_s <= 0:
            self._retry_s = math.inf
            self._acquisition.connect()
        when = f"in {math.ceil(left_s)} s" if 0 < left_s < math.inf else "now"
        self._set_status(SourceState.RECONNECTING, f"connection lost, reconnecting {when}")

    def _set_status(self, state: SourceState, message: str | None = None) -> None:
        if message is None:
            message = self._status.message if state is self._status.state else ""
        clock = self._clock
        self._status = SourceStatus(
            state=state,
            clock_us=clock.clock_us if clock else 0,
            backlog_events=self._backlog_events + (clock.backlog_events if clock else 0),
            num_lost=clock.num_lost if clock else 0,
            message=message,
        )
