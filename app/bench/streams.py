"""Event streams to measure on: uniformly random events at a given rate, as a source."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np

from events.packet import EventPacket, SensorSize, pack_events
from events.sources.source import SourceState, SourceStatus

SENSOR = SensorSize(346, 260)
TICK_US = 10_000


def random_packet(
    num_events: int, duration_us: int, *, sensor: SensorSize = SENSOR, seed: int = 0
) -> EventPacket:
    """Return uniformly random events in [0, duration_us): the worst case for caches."""
    random = np.random.default_rng(seed)
    events = pack_events(
        np.sort(random.integers(0, duration_us, num_events)),
        random.integers(0, sensor.width, num_events),
        random.integers(0, sensor.height, num_events),
        random.integers(0, 2, num_events),
    )
    return EventPacket(events, sensor, 0, duration_us)


class RandomSource:
    """Random events at ``rate`` a second, for ``duration_s``.

    Args:
        rate: Events per event second.
        duration_s: Of event time.
        is_live: In step with the wall clock, like a camera; else as fast as taken.
        sensor: Its size.
    """

    NUM_PATTERNS = 8

    def __init__(
        self, rate: float, duration_s: float, *, is_live: bool, sensor: SensorSize = SENSOR
    ) -> None:
        self._num_ticks = int(duration_s * 1e6) // TICK_US
        self._is_live = is_live
        self._sensor = sensor
        num_events = int(rate * TICK_US / 1e6)
        self._patterns = [
            random_packet(num_events, TICK_US, sensor=sensor, seed=seed)
            for seed in range(self.NUM_PATTERNS)
        ]
        self._stopping = threading.Event()
        self._clock_us = 0

    @property
    def name(self) -> str:
        return "random"

    @property
    def sensor(self) -> SensorSize:
        return self._sensor

    @property
    def is_live(self) -> bool:
        return self._is_live

    @property
    def status(self) -> SourceStatus:
        return SourceStatus(state=SourceState.RUNNING, clock_us=self._clock_us)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def packets(self) -> Iterator[EventPacket]:
        """Yield one packet for each TICK_US."""
        started_s = time.monotonic()
        for tick in range(self._num_ticks):
            pattern = self._patterns[tick % self.NUM_PATTERNS]
            start_us = tick * TICK_US
            events = pattern.events.copy()
            events["t"] += start_us
            self._clock_us = start_us + TICK_US
            if self._is_live:
                wait_s = started_s + self._clock_us / 1e6 - time.monotonic()
                if wait_s > 0 and self._stopping.wait(wait_s):
                    return
            if self._stopping.is_set():
                return
            yield EventPacket(events, self._sensor, start_us, self._clock_us)

    def stop(self) -> None:
        self._stopping.set()
