"""AEDAT4 recordings, as iniVation's cameras and dv-processing write them.

Our own reader: dv-processing 2.0.4 spins for ever, holding the GIL, on a damaged LZ4 packet.
Nothing in the file is trusted: what cannot be true is skipped and counted in ``damage``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from events.packet import EventArray, EventPacket, SensorSize
from events.recordings import aedat4_payloads
from events.recordings.aedat4_events import Aedat4Events
from events.recordings.aedat4_file import Aedat4File
from events.recordings.aedat4_header import VERSION_LINE
from events.recordings.compression import Buffer
from events.recordings.packets import packet_of, packets_of
from events.recordings.recording import Damage, Frame, RecordingError, Stream

NAME = "AEDAT4"
SUFFIXES = (".aedat4",)
HAS_MARK = True

T = TypeVar("T")
_LONGEST_EXPOSURE_US = 2_000_000


def matches(first: bytes, path: Path) -> bool:
    """Whether a file that starts with these bytes is meant to be AEDAT4."""
    return first[: len(VERSION_LINE)] == VERSION_LINE[: len(first)] and len(first) > 0


def open_(path: Path, sensor: SensorSize | None) -> Aedat4Recording:
    """Open a file; its header says the sensor's size."""
    return Aedat4Recording(path)


class Aedat4Recording:
    """A Recording; memory does not grow with the file, but for 48 bytes a packet."""

    def __init__(self, path: Path) -> None:
        self._file = Aedat4File(path)
        sizes = [s.sensor for s in self._file.header.streams if s.sensor is not None]
        if not sizes:
            self._file.close()
            raise RecordingError(f"{path} has neither events nor frames: nothing to see in it")
        events = self._file.events_stream
        self._sensor = (events.sensor if events else None) or sizes[0]
        self._events = Aedat4Events(self._file, events.id if events else -1, self._sensor)
        self._other_span: tuple[int, int] | None = None

    @property
    def path(self) -> Path:
        return self._file.path

    @property
    def format(self) -> str:
        return f"AEDAT4 {self._file.header.compression.name}"

    @property
    def sensor(self) -> SensorSize:
        return self._sensor

    @property
    def is_sensor_guessed(self) -> bool:
        return False

    @property
    def camera(self) -> str:
        return next((stream.camera for stream in self.streams if stream.camera), "")

    @property
    def streams(self) -> tuple[Stream, ...]:
        return self._file.header.streams

    @property
    def start_us(self) -> int:
        return self._span()[0]

    @property
    def end_us(self) -> int:
        return self._span()[1]

    @property
    def damage(self) -> Damage:
        return self._file.damage

    def packets(
        self, start_us: int | None = None, end_us: int | None = None, duration_us: int = 10_000
    ) -> Iterator[EventPacket]:
        """Yield touching packets of ``duration_us``; see Recording."""
        first_us, last_us = self._span()
        end_us = last_us if end_us is None else min(end_us, last_us)
        start_us = first_us if start_us is None else max(start_us, first_us)
        batches = self._events.batches(start_us, end_us)
        yield from packets_of(batches, self._sensor, start_us, end_us, duration_us)

    def event_batches(self) -> Iterator[EventArray]:
        """Yield all events, checked and in order, in the pieces in which they are decoded."""
        for events, _ in self._events.batches(*self._span()):
            yield events

    def events_between(self, start_us: int, end_us: int) -> EventPacket:
        """Return the events in [start_us, end_us) as one packet of that span."""
        end_us = max(start_us, end_us)
        batches = list(self._events.batches(start_us, end_us))
        parts = [events for events, _ in batches if len(events)]
        num_lost = sum(num_lost for _, num_lost in batches)
        return packet_of(parts, self._sensor, start_us, end_us, num_lost)

    def frames(self, start_us: int | None = None, end_us: int | None = None) -> Iterator[Frame]:
        """Yield the images of [start_us, end_us)."""
        for frame in self._decoded("frames", aedat4_payloads.decode_frame, start_us, end_us):
            if _is_within(frame.t_us, start_us, end_us):
                yield frame

    def imu(
        self, start_us: int | None = None, end_us: int | None = None
    ) -> Iterator[npt.NDArray[np.void]]:
        """Yield batches of IMU_DTYPE within [start_us, end_us)."""
        yield from self._samples("imu", aedat4_payloads.decode_imu, start_us, end_us)

    def triggers(
        self, start_us: int | None = None, end_us: int | None = None
    ) -> Iterator[npt.NDArray[np.void]]:
        """Yield batches of TRIGGER_DTYPE within [start_us, end_us)."""
        yield from self._samples("triggers", aedat4_payloads.decode_triggers, start_us, end_us)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _span(self) -> tuple[int, int]:
        span = self._events.span()
        if span is None:
            if self._other_span is None:
                self._other_span = self._span_of_the_others()
            span = self._other_span
        return span

    def _span_of_the_others(self) -> tuple[int, int]:
        times = [frame.t_us for frame in self.frames()]
        for batches in (self.imu(), self.triggers()):
            for batch in batches:
                times += [int(batch["t"].min()), int(batch["t"].max())]
        return (min(times), max(times) + 1) if times else (0, 0)

    def _samples(
        self,
        kind: str,
        decoder: Callable[[Buffer], npt.NDArray[np.void]],
        start_us: int | None,
        end_us: int | None,
    ) -> Iterator[npt.NDArray[np.void]]:
        for rows in self._decoded(kind, decoder, start_us, end_us):
            is_within = np.ones(len(rows), bool)
            if start_us is not None:
                is_within &= rows["t"] >= start_us
            if end_us is not None:
                is_within &= rows["t"] < end_us
            if is_within.any():
                yield rows[is_within]

    def _decoded(
        self, kind: str, decoder: Callable[[Buffer], T], start_us: int | None, end_us: int | None
    ) -> Iterator[T]:
        """Yield the decoded packets of a stream that can hold something of [start_us, end_us)."""
        self._file.refresh()
        stream = self._file.stream(kind)
        if stream is None:
            return
        entries = self._file.entries
        ordinals = entries.of_stream(stream.id)
        # Some tables date a frame by the middle of its exposure.
        slack_us = _LONGEST_EXPOSURE_US if kind == "frames" else 0
        if entries.has_times and start_us is not None:
            ordinals = ordinals[entries.rows["end_us"][ordinals] >= start_us - slack_us]
        if entries.has_times and end_us is not None:
            ordinals = ordinals[entries.rows["start_us"][ordinals] < end_us + slack_us]
        for ordinal in ordinals.tolist():
            decoded = self._file.decode(ordinal, decoder)
            if decoded is not None:
                yield decoded


def _is_within(t_us: int, start_us: int | None, end_us: int | None) -> bool:
    return (start_us is None or t_us >= start_us) and (end_us is None or t_us < end_us)
