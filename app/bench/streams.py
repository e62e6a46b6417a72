"""Event streams to measure on: uniformly random events at a given rate, as a source."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Self

import numpy as np

from events.packet import EventPacket, SensorSize, pack_events
from events.sources.playback import PACKET_US as TICK_US
from events.sources.playback import Playback

SENSOR = SensorSize(346, 260)


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


class RandomSource(Playback):
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
        end_us = int(duration_s * 1e6) // TICK_US * TICK_US
        super().__init__(0, end_us, speed=1.0 if is_live else math.inf, is_looping=False)
        self._is_live = is_live
        self._sensor = sensor
        num_events = int(rate * TICK_US / 1e6)
        self._patterns = [
            random_packet(num_events, TICK_US, sensor=sensor, seed=seed)
            for seed in range(self.NUM_PATTERNS)
        ]

    @property
    def name(self) -> str:
        return "random"

    @property
    def sensor(self) -> SensorSize:
        return self._sensor

    @property
    def is_live(self) -> bool:
        return self._is_live

    def __enter__(self) -> Self:
        self._open(self.start_us, self.end_us)
        return self

    def packets(self) -> Iterator[EventPacket]:
        """Yield one packet for each TICK_US."""
        while span := self._next_span():
            start_us, end_us = span
            pattern = self._patterns[start_us // TICK_US % self.NUM_PATTERNS]
            events = pattern.events.copy()
            events["t"] += start_us
            yield EventPacket(events, self._sensor, start_us, end_us)
