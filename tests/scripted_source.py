"""A source that plays packets from memory, as fast as taken or when the test says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

import numpy as np

from events.packet import EventPacket, SensorSize, pack_events
from events.sources.source import SourceState, SourceStatus

SENSOR = SensorSize(48, 32)


def random_packets(
    num: int,
    *,
    start_us: int = 0,
    duration_us: int = 10_000,
    num_events: int = 500,
    sensor: SensorSize = SENSOR,
    seed: int = 0,
) -> list[EventPacket]:
    """Touching packets of uniformly random events."""
    random = np.random.default_rng(seed)
    packets = []
    for first_us in range(start_us, start_us + num * duration_us, duration_us):
        t = np.sort(random.integers(first_us, first_us + duration_us, num_events))
        x = random.integers(0, sensor.width, num_events)
        y = random.integers(0, sensor.height, num_events)
        p = random.integers(0, 2, num_events)
        packets.append(
            EventPacket(pack_events(t, x, y, p), sensor, first_us, first_us + duration_us)
        )
    return packets


class ScriptedSource:
    """Yields ``packets``; then ends, or idles until stopped, or raises.

    Args:
        packets: What to yield.
        is_live: Whether the pipeline may drop windows.
        before: Called with each packet's number before it is yielded.
        ends: False keeps ``packets`` waiting for ``stop`` after the last one.
        failure: Raised after the last packet.
        open_failure: Raised on opening.
    """

    def __init__(
        self,
        packets: Sequence[EventPacket],
        *,
        is_live: bool = False,
        before: Callable[[int], object] | None = None,
        ends: bool = True,
        failure: Exception | None = None,
        open_failure: Exception | None = None,
    ) -> None:
        self._packets = packets
        self._is_live = is_live
        self._before = before
        self._ends = ends
        self._failure = failure
        self._open_failure = open_failure
        self._stopping = threading.Event()
        self._clock_us = 0
        self.num_opened = 0
        self.num_closed = 0

    @property
    def name(self) -> str:
        return "scripted"

    @property
    def sensor(self) -> SensorSize:
        return self._packets[0].sensor if self._packets else SENSOR

    @property
    def is_live(self) -> bool:
        return self._is_live

    @property
    def status(self) -> SourceStatus:
        lost = sum(packet.num_lost for packet in self._packets)
        return SourceStatus(state=SourceState.RUNNING, clock_us=self._clock_us, num_lost=lost)

    def __enter__(self) -> Self:
        self.num_opened += 1
        if self._open_failure:
            raise self._open_failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.num_closed += 1

    def packets(self) -> Iterator[EventPacket]:
        for number, packet in enumerate(self._packets):
            if self._stopping.is_set():
                return
            if self._before:
                self._before(number)
            self._clock_us = packet.end_us
            yield packet
        if self._failure:
            raise self._failure
        if not self._ends:
            self._stopping.wait()

    def stop(self) -> None:
        self._stopping.set()
