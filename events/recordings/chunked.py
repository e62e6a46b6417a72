"""ChunkedRecording: a Recording over events that a file gives in numbered chunks, in any order.

A format that can read its events from any place on (columns of an array, lines of a text) says how
one chunk is read; all else, slices of time, checks, damage, is done here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from events.packet import EventArray, EventPacket, SensorSize
from events.recordings.chunks import LAST_US, Chunk, Chunks, Frames
from events.recordings.event_checks import (
    Bounds,
    are_plausible,
    keep_plausible,
    with_true_polarity,
)
from events.recordings.packets import packet_of, packets_of
from events.recordings.recording import MAX_QUIET_US, Damage, Frame, RecordingError, Stream


class ChunkedRecording:
    """A Recording; memory does not grow with the file.

    Args:
        path: The file.
        chunks: Its events; closed with the recording.
        form: Format and compression in words.
        sensor: Of events and frames; None is to guess it by ``Chunks.guess_sensor``.
        name: Of the stream of events.
        camera: Model and serial number.
        frames: Images beside the events, if any.
        is_sensor_guessed: Whether the format has guessed the size that it gives.

    Raises:
        RecordingError: The size is not known, and cannot be guessed.
    """

    def __init__(
        self,
        path: Path,
        chunks: Chunks,
        form: str,
        sensor: SensorSize | None,
        *,
        name: str = "events",
        camera: str = "",
        frames: Frames | None = None,
        is_sensor_guessed: bool = False,
    ) -> None:
        self._is_sensor_guessed = is_sensor_guessed or sensor is None
        sensor = sensor or chunks.guess_sensor()
        if sensor is None:
            chunks.close()
            raise RecordingError(
                f"{path} holds no events and does not say its sensor's size: there is nothing to "
                "see, but with --sensor WxH it opens"
            )
        self._path, self._chunks, self._format = path, chunks, form
        self._sensor, self._camera, self._frames = sensor, camera, frames
        streams = [Stream(0, "events", name, camera, sensor)]
        if frames is not None:
            streams.append(Stream(1, "frames", "frames", camera, sensor))
        self._streams = tuple(streams)
        self._found: dict[int, Damage] = {}
        self._damaged_frames: set[int] = set()
        self._first_us: dict[int, int | None] = {}
        self._known_span: tuple[int, int] | None = None

    @property
    def path(self) -> Path:
        return self._path

    @property
    def format(self) -> str:
        return self._format

    @property
    def sensor(self) -> SensorSize:
        return self._sensor

    @property
    def is_sensor_guessed(self) -> bool:
        return self._is_sensor_guessed

    @property
    def camera(self) -> str:
        return self._camera

    @property
    def streams(self) -> tuple[Stream, ...]:
        return self._streams

    @property
    def start_us(self) -> int:
        return self._span()[0]

    @property
    def end_us(self) -> int:
        return self._span()[1]

    @property
    def damage(self) -> Damage:
        found = [self._chunks.damage, *self._found.values()]
        return Damage(
            damaged_packets=sum(d.damaged_packets for d in found) + len(self._damaged_frames),
            unknown_packets=sum(d.unknown_packets for d in found),
            lost_events=sum(d.lost_events for d in found),
            out_of_bounds_events=sum(d.out_of_bounds_events for d in found),
            out_of_order_events=sum(d.out_of_order_events for d in found),
            skipped_bytes=sum(d.skipped_bytes for d in found),
            index=self._chunks.damage.index,
        )

    def packets(
        self, start_us: int | None = None, end_us: int | None = None, duration_us: int = 10_000
    ) -> Iterator[EventPacket]:
        """Yield touching packets of ``duration_us``; see Recording."""
        first_us, last_us = self._span()
        end_us = last_us if end_us is None else min(end_us, last_us)
        start_us = first_us if start_us is None else max(start_us, first_us)
        batches = self._batches(start_us, end_us)
        yield from packets_of(batches, self._sensor, start_us, end_us, duration_us)

    def events_between(self, start_us: int, end_us: int) -> EventPacket:
        """Return the events in [start_us, end_us) as one packet of that span."""
        end_us = max(start_us, end_us)
        batches = list(self._batches(start_us, end_us))
        parts = [events for events, _ in batches if len(events)]
        num_lost = sum(num_lost for _, num_lost in batches)
        return packet_of(parts, self._sensor, start_us, end_us, num_lost)

    def frames(self, start_us: int | None = None, end_us: int | None = None) -> Iterator[Frame]:
        """Yield the images of [start_us, end_us)."""
        if self._frames is None:
            return
        times_us = self._frames.times_us
        is_within = np.ones(len(times_us), bool)
        if start_us is not None:
            is_within &= times_us >= start_us
        if end_us is not None:
            is_within &= times_us < end_us
        for number in np.flatnonzero(is_within).tolist():
            frame = self._frames.read(number)
            if frame is None:
                self._damaged_frames.add(number)
            else:
                yield frame

    def imu(
        self, start_us: int | None = None, end_us: int | None = None
    ) -> Iterator[npt.NDArray[np.void]]:
        """Yield nothing: these formats hold no inertial samples that we read."""
        yield from ()

    def triggers(
        self, start_us: int | None = None, end_us: int | None = None
    ) -> Iterator[npt.NDArray[np.void]]:
        """Yield nothing: these formats hold no external signals that we read."""
        yield from ()

    def close(self) -> None:
        self._chunks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _span(self) -> tuple[int, int]:
        if self._known_span is None:
            numbers = range(len(self._chunks))
            first = next((e for e, _ in self._clean(numbers) if len(e)), None)
            if first is not None:
                self._known_span = int(first["t"][0]), self._last_us(int(first["t"][-1])) + 1
            elif self._frames is not None and len(self._frames.times_us):
                times_us = self._frames.times_us
                self._known_span = int(times_us.min()), int(times_us.max()) + 1
            else:
                self._known_span = 0, 0
        return self._known_span

    def _last_us(self, at_least: int) -> int:
        num = 2
        while True:  # damaged chunks at the end: look further back
            last = range(max(0, len(self._chunks) - num), len(self._chunks))
            found = [int(e["t"][-1]) for e, _ in self._clean(last) if len(e)]
            if found or num >= len(self._chunks):
                return max([at_least, *found])
            num *= 4

    def _batches(self, start_us: int, end_us: int) -> Iterator[tuple[EventArray, int]]:
        """Yield (events, number known to be lost near them) of [start_us, end_us), in order."""
        for events, num_lost in self._clean(range(self._place(start_us), len(self._chunks))):
            t = events["t"]
            if len(t) and t[0] >= end_us:
                return
            if len(t) and (t[0] < start_us or t[-1] >= end_us):
                events = events[bisect_left(t, start_us) : bisect_left(t, end_us)]
            yield events, num_lost

    def _place(self, t_us: int) -> int:
        """Return the last chunk that starts before ``t_us``: the first that can hold it."""
        if self._known_span is not None and t_us <= self._known_span[0]:
            return 0
        low, high = 0, len(self._chunks)
        guess = self._chunks.guess(t_us)
        if (
            guess is not None and low <= guess < high
        ):  # an index may be wrong: looked up, not obeyed
            if self._starts_before(guess, t_us):
                low = guess + 1
                if low < high and not self._starts_before(low, t_us):
                    high = low
            else:
                high = guess
        while low < high:
            middle = (low + high) // 2
            if self._starts_before(middle, t_us):
                low = middle + 1
            else:
                high = middle
        return max(low - 1, 0)

    def _starts_before(self, number: int, t_us: int) -> bool:
        for near in range(number, min(number + 4, len(self._chunks))):
            if near not in self._first_us:
                self._first_us[near] = self._chunks.first_us(near)
            first_us = self._first_us[near]
            if first_us is not None:
                return first_us < t_us
        return False

    def _clean(self, numbers: Iterable[int]) -> Iterator[tuple[EventArray, int]]:
        """Yield checked events; reads one chunk ahead, to tell a wrong time from a late one."""
        chunk: Chunk | None = None
        before, last_us = 0, 0
        for number in chain(numbers, (None,)):
            following = None if number is None else self._chunks.read(number)
            if chunk is not None:
                events, num_lost = self._checked(before, chunk, _bounds(chunk, following, last_us))
                if len(events):
                    last_us = int(events["t"][-1])
                yield events, num_lost
            chunk, before = following, number or 0

    def _checked(self, number: int, chunk: Chunk, bounds: Bounds) -> tuple[EventArray, int]:
        """Return the events of a chunk that can be true, and how many of it are lost."""
        events, num_outside, num_disordered = chunk.events, 0, 0
        if len(events) and not are_plausible(events, self._sensor, bounds):
            is_inside, is_kept = keep_plausible(events, self._sensor, bounds)
            num_outside = len(events) - int(is_inside.sum())
            num_disordered = len(events) - num_outside - int(is_kept.sum())
            events = with_true_polarity(events[is_kept])
        found = Damage(
            damaged_packets=int(chunk.is_damaged),
            lost_events=chunk.num_lost,
            out_of_bounds_events=num_outside,
            out_of_order_events=num_disordered,
            skipped_bytes=chunk.num_skipped_bytes,
        )
        if not found.is_clean:
            self._found[number] = found
        return events, found.num_lost


def _bounds(chunk: Chunk, following: Chunk | None, last_us: int) -> Bounds:
    """Return the times that a chunk keeps to: from the last event on, to amid the next chunk.

    The last chunk's events are at most MAX_QUIET_US from its middle one.
    """
    if following is not None and len(following.events):
        next_us = _middle_us(following)
    else:
        next_us = min(_middle_us(chunk) + MAX_QUIET_US, LAST_US) if len(chunk.events) else LAST_US
    return Bounds(last_us, next_us if next_us >= last_us else LAST_US)


def _middle_us(chunk: Chunk) -> int:
    """Return a time that a few wrong ones do not move."""
    t = chunk.events["t"]
    return int(np.median(t[:: max(1, len(t) // 63)]))
