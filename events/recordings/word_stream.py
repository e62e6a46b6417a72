"""Recordings that are one stream of binary words: decoded from the start, with a memory.

What a word means depends on words before it (the time's high part, a row), so a file is decoded
once to note, every CHUNK_BYTES, what the decoder knows there; from then on any chunk can be read.
A format gives a Decoder; all else is here and in ChunkedRecording.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from events.packet import EVENT_DTYPE, EventArray, SensorSize
from events.recordings.chunked import ChunkedRecording
from events.recordings.chunks import Chunk, Chunks, Frames
from events.recordings.file_bytes import FileBytes
from events.recordings.recording import TRIGGER_DTYPE, Damage, Stream
from events.recordings.sensor_guess import SensorGuess

CHUNK_BYTES = 1 << 17
_NUM_STATE = 8
_MAX_TRIGGERS_PER_BYTE = 0.5

Rows = npt.NDArray[np.int64]
Decode = Callable[[npt.NDArray[np.uint8], Rows, Rows, Rows, Rows], tuple[int, int, int]]


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """How the words of a format are decoded."""

    decode: Decode
    """From (data, state, events, triggers, counts) to how many bytes, events, triggers there were.

    Writes rows of events (t; x | y << 16 | p << 32) and of triggers (t; kind), changes the state,
    and adds to counts: bytes skipped, events lost, known things left out. Less than a whole word
    at the end is left.
    """
    events_per_byte: float
    """At most; sizes the room for a chunk's events."""
    known_sensors: tuple[SensorSize, ...] = ()
    """Sizes of the sensors that write this format, smallest first; see SensorGuess."""


@dataclass(slots=True)
class _Place:
    """A chunk and what the decoder knew at its start."""

    position: int
    num_bytes: int
    state: Rows
    first_us: int | None = None
    num_triggers: int = 0
    num_left_out: int = 0


class WordChunks(Chunks):
    """The events of a file of words, in chunks; follows a file that grows."""

    def __init__(self, path: Path, start: int, decoder: Decoder) -> None:
        self._file = FileBytes(path)
        self._decoder = decoder
        self._places: list[_Place] = []
        self._next = start
        self._state: Rows = np.zeros(_NUM_STATE, np.int64)
        self._scanned_size = -1
        # Kept: fresh memory costs more than the decoding.
        self._events = np.empty((int(CHUNK_BYTES * decoder.events_per_byte) + 64, 2), np.int64)
        self._triggers = np.empty((int(CHUNK_BYTES * _MAX_TRIGGERS_PER_BYTE) + 64, 2), np.int64)

    def __len__(self) -> int:
        if self._scanned_size < 0:
            self.scan()
        return len(self._places)

    def scan(self, guess: SensorGuess | None = None) -> bool:
        """Note the chunks that are new in the file; return whether there are any.

        Args:
            guess: Is shown every new event.
        """
        size = self._file.size
        if size == self._scanned_size:
            return False
        self._scanned_size = size
        if self._places:  # the last one may have been cut off by what was then the end
            last = self._places.pop()
            self._next, self._state = last.position, last.state
        while self._next < size:
            place = _Place(self._next, CHUNK_BYTES, self._state.copy())
            num_bytes, n, place.num_triggers, counts = self._decode(place, self._state)
            if num_bytes == 0:
                break
            place.num_bytes, place.num_left_out = num_bytes, int(counts[2])
            if n:
                place.first_us = self._start_us(n)
            if guess is not None:
                guess.add(self._events[:n])
            self._places.append(place)
            self._next += num_bytes
        return True

    def _start_us(self, num_events: int) -> int:
        """Return when the chunk just decoded starts: never before the one in front of it.

        A wrong time then makes a search begin too early, and never too late.
        """
        starts = min(int(self._events[0, 0]), int(self._events[num_events // 2, 0]))
        return max(starts, self._latest_start_us())

    def _latest_start_us(self) -> int:
        return next((p.first_us for p in reversed(self._places) if p.first_us is not None), 0)

    def read(self, number: int) -> Chunk:
        """Return a chunk."""
        place = self._places[number]
        num_bytes, n, _, counts = self._decode(place, place.state.copy())
        events: EventArray = self._events[:n].copy().view(EVENT_DTYPE).reshape(-1)
        return Chunk(
            events=events,
            num_skipped_bytes=int(counts[0]),
            num_lost=int(counts[1]),
            is_damaged=num_bytes < place.num_bytes,
        )

    def first_us(self, number: int) -> int | None:
        """Return the time of a chunk's first event."""
        return self._places[number].first_us

    def guess_sensor(self) -> SensorSize | None:
        """Return the size by all events, of the sensors that write the format; None without any."""
        guess = SensorGuess()
        self.scan(guess)
        return guess.size(self._decoder.known_sensors)

    def triggers(self, number: int) -> Rows:
        """Return the (M, 2) rows of time and kind in a chunk."""
        place = self._places[number]
        if not place.num_triggers:
            return np.empty((0, 2), np.int64)
        num = self._decode(place, place.state.copy())[2]
        return self._triggers[:num].copy()

    @property
    def damage(self) -> Damage:
        """A last word that was cut off."""
        return Damage(skipped_bytes=max(0, self._scanned_size - self._next))

    @property
    def has_triggers(self) -> bool:
        """Whether the file holds external signals."""
        return len(self) > 0 and any(place.num_triggers for place in self._places)

    @property
    def leaves_out(self) -> bool:
        """Whether the file holds what its format knows and we do not read."""
        return len(self) > 0 and any(place.num_left_out for place in self._places)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._file.close()

    def _decode(self, place: _Place, state: Rows) -> tuple[int, int, int, Rows]:
        data = np.frombuffer(self._file.read(place.position, place.num_bytes), np.uint8)
        counts = np.zeros(3, np.int64)
        found = self._decoder.decode(data, state, self._events, self._triggers, counts)
        return (*found, counts)


class WordStreamRecording(ChunkedRecording):
    """A Recording of a file of words; takes about 250 bytes of memory for each 128 KiB of it.

    Args:
        path: The file.
        start: Where its header ends.
        decoder: Of its words.
        form: Format in words.
        sensor: Its size; None is to guess it from the events.
        camera: Model and serial number.
        frames: Images beside the events, if any.
        is_sensor_guessed: See ChunkedRecording.

    Raises:
        RecordingError: The size is not known and there are no events to guess it from.
    """

    def __init__(
        self,
        path: Path,
        start: int,
        decoder: Decoder,
        form: str,
        *,
        sensor: SensorSize | None,
        camera: str = "",
        frames: Frames | None = None,
        is_sensor_guessed: bool = False,
    ) -> None:
        self._words = WordChunks(path, start, decoder)
        super().__init__(
            path,
            self._words,
            form,
            sensor,
            camera=camera,
            frames=frames,
            is_sensor_guessed=is_sensor_guessed,
        )

    @property
    def streams(self) -> tuple[Stream, ...]:
        streams = [*super().streams]
        if self._words.has_triggers:
            streams.append(Stream(len(streams), "triggers", "triggers", self._camera))
        if self._words.leaves_out:
            streams.append(Stream(len(streams), "other samples", "other samples", self._camera))
        return tuple(streams)

    def triggers(
        self, start_us: int | None = None, end_us: int | None = None
    ) -> Iterator[npt.NDArray[np.void]]:
        """Yield batches of TRIGGER_DTYPE within [start_us, end_us)."""
        for number in range(len(self._words)):
            rows = self._words.triggers(number)
            rows = rows[np.argsort(rows[:, 0], kind="stable")]
            first = 0 if start_us is None else bisect_left(rows[:, 0], start_us)
            last = len(rows) if end_us is None else bisect_left(rows[:, 0], end_us)
            if first < last:
                signals = np.empty(last - first, TRIGGER_DTYPE)
                signals["t"], signals["kind"] = rows[first:last].T
                yield signals

    def _span(self) -> tuple[int, int]:
        if self._words.scan():
            self._known_span = None
            self._first_us.clear()
        return super()._span()
