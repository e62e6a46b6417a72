"""Event streams to measure on: a clip that is looped at a given rate, as a source."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from events.packet import (
    EVENT_DTYPE,
    EventArray,
    EventPacket,
    SensorSize,
    copy_events,
    join,
    join_events,
    pack_events,
)
from events.sources.playback import LATE_LIMIT_S, Playback
from events.sources.playback import PACKET_US as TICK_US

SENSOR = SensorSize(346, 260)
REAL_CLIP = Path("recordings/derived/spinner_640x480.aedat4")
"""In the data folder: 50 ms of a spinner, 10.8 Mev/s."""
MADE_EVENTS, MADE_US, MADE_SENSOR = 500_000, 50_000, SensorSize(640, 480)


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


def real_clip() -> tuple[EventPacket, str]:
    """Return some hundred thousand events of 640x480 and where they come from.

    They are recorded ones where $SACCADE_DATA names the data folder, else moving edges.
    """
    path = Path(os.environ.get("SACCADE_DATA", "")) / REAL_CLIP
    if not path.is_file():
        from app.bench.representations import moving_edges

        return moving_edges(MADE_SENSOR, MADE_EVENTS, MADE_US), "moving edges"
    from events.sources.replay import ReplaySource

    with ReplaySource(path, speed=math.inf) as source:
        return join(list(source.packets())), path.stem


def at_rate(clip: EventPacket, events_per_s: float) -> EventPacket:
    """Return the clip from time 0, played faster or slower until it has that rate."""
    duration_us = max(round(1e6 * len(clip) / events_per_s), 1)
    events = clip.events.copy()
    scale = duration_us / max(clip.duration_us, 1)
    events["t"] = np.minimum((clip.t - clip.start_us) * scale, duration_us - 1)
    return EventPacket(events, clip.sensor, 0, duration_us)


def looped(clip: EventPacket, start_us: int, end_us: int) -> EventArray:
    """Return the events in [start_us, end_us) of a clip that repeats for ever from time 0 on."""
    parts = []
    for loop in range(start_us // clip.duration_us, -(-end_us // clip.duration_us)):
        offset_us = loop * clip.duration_us - clip.start_us
        found = clip.between(start_us - offset_us, end_us - offset_us).events
        part = copy_events(found, np.empty(len(found), EVENT_DTYPE))
        part["t"] += offset_us
        parts.append(part)
    return join_events(parts)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """Stretches in which the clip is played ``factor`` times as fast."""

    every_us: int = 1_000_000
    length_us: int = 100_000
    """The last so many microseconds of each ``every_us``; both whole packets."""
    factor: float = 10.0

    def is_in(self, t_us: int) -> bool:
        return t_us % self.every_us >= self.every_us - self.length_us


class LoopedSource(Playback):
    """A clip, over and over, its times growing: a stream of any length in a clip's memory.

    Args:
        clip: Of a positive duration; its start counts as time 0.
        duration_s: Of event time.
        is_live: Whether the pipeline may drop windows.
        speed: Event seconds per wall second; default 1 where live, else as fast as taken.
        bursts: None plays at one pace.
    """

    def __init__(
        self,
        clip: EventPacket,
        duration_s: float,
        *,
        is_live: bool,
        speed: float | None = None,
        bursts: Bursts | None = None,
    ) -> None:
        end_us = int(duration_s * 1e6) // TICK_US * TICK_US
        if speed is None:
            speed = 1.0 if is_live else math.inf
        late_limit_s = math.inf if is_live else LATE_LIMIT_S
        super().__init__(0, end_us, speed=speed, is_looping=False, late_limit_s=late_limit_s)
        self._is_live = is_live
        self._clip = clip
        self._bursts = bursts
        if bursts is not None:
            self._burst_clip = at_rate(clip, 1e6 * bursts.factor * len(clip) / clip.duration_us)

    @property
    def name(self) -> str:
        return "looped"

    @property
    def sensor(self) -> SensorSize:
        return self._clip.sensor

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
            is_burst = self._bursts is not None and self._bursts.is_in(start_us)
            clip = self._burst_clip if is_burst else self._clip
            yield EventPacket(looped(clip, start_us, end_us), clip.sensor, start_us, end_us)


class RandomSource(LoopedSource):
    """Random events at ``rate`` a second, the same number in each packet: a loop of some."""

    NUM_TICKS = 8

    def __init__(
        self, rate: float, duration_s: float, *, is_live: bool, sensor: SensorSize = SENSOR
    ) -> None:
        num_events = int(rate * TICK_US / 1e6)
        parts = [
            looped(
                random_packet(num_events, TICK_US, sensor=sensor, seed=tick),
                tick * TICK_US,
                (tick + 1) * TICK_US,
            )
            for tick in range(self.NUM_TICKS)
        ]
        clip = EventPacket(join_events(parts), sensor, 0, self.NUM_TICKS * TICK_US)
        super().__init__(clip, duration_s, is_live=is_live)

    @property
    def name(self) -> str:
        return "random"
