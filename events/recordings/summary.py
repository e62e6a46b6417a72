"""Summary: what is in a recording, counted in one pass over it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from events.packet import SensorSize
from events.recordings.recording import Damage, Recording

RATE_SPAN_US = 10_000
"""The peak rate is that of the busiest stretch of this length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSummary:
    """One stream and how much is in it."""

    kind: str
    name: str
    num_elements: int | None
    """Events, frames or samples; None for a stream of a type that we do not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A recording at a glance."""

    path: Path
    format: str
    num_bytes: int
    camera: str
    sensor: SensorSize
    streams: tuple[StreamSummary, ...]
    start_us: int
    end_us: int
    num_events: int
    num_on: int
    """Events of polarity 1."""
    peak_rate_per_s: float
    """Events a second in the busiest 10 ms."""
    damage: Damage

    @property
    def duration_s(self) -> float:
        return (self.end_us - self.start_us) / 1e6

    @property
    def mean_rate_per_s(self) -> float:
        """Events a second over the whole span; 0 where nothing has a span."""
        return self.num_events / self.duration_s if self.duration_s else 0.0


def summarize(recording: Recording) -> Summary:
    """Read a recording to its end and return what is in it."""
    num_events = num_on = peak = 0
    for packet in recording.packets(duration_us=RATE_SPAN_US):
        num_events += len(packet)
        num_on += int(packet.p.sum())
        peak = max(peak, len(packet))
    numbers = {
        "events": num_events,
        "frames": sum(1 for _ in recording.frames()),
        "imu": sum(len(samples) for samples in recording.imu()),
        "triggers": sum(len(signals) for signals in recording.triggers()),
    }
    return Summary(
        path=recording.path,
        format=recording.format,
        num_bytes=recording.path.stat().st_size,
        camera=recording.camera,
        sensor=recording.sensor,
        streams=tuple(
            StreamSummary(kind=stream.kind, name=stream.name, num_elements=numbers.get(stream.kind))
            for stream in recording.streams
        ),
        start_us=recording.start_us,
        end_us=recording.end_us,
        num_events=num_events,
        num_on=num_on,
        peak_rate_per_s=peak
        * 1e6
        / min(RATE_SPAN_US, max(1, recording.end_us - recording.start_us)),
        damage=recording.damage,
    )
