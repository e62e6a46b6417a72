"""The events of an AEDAT4 file in order of time: decoded in batches, checked, cleaned."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from events.packet import EVENT_DTYPE, EventArray, SensorSize
from events.recordings.aedat4_file import Aedat4File
from events.recordings.event_checks import (
    Bounds,
    are_plausible,
    keep_plausible,
    with_true_polarity,
)
from events.recordings.recording import MAX_QUIET_US

Ordinals = npt.NDArray[np.int64]
_BATCH_BYTES = 6144 * EVENT_DTYPE.itemsize
"""Small packets are joined up to this and checked at once: numpy's price is per call."""
_PLACES_AT_ONCE = 1024
_LAST_US = 2**62
_NUM_AT_END = 8


@dataclass(slots=True)
class _Batch:
    """Packets that were decoded together."""

    ordinals: list[int]
    sizes: list[int]
    """Events in each packet."""
    events: EventArray
    """Those of all packets, unchecked."""
    num_lost: int


class Aedat4Events:
    """Reads the stream of events, from any time on."""

    def __init__(self, file: Aedat4File, stream_id: int, sensor: SensorSize) -> None:
        self._file = file
        self._stream_id = stream_id
        self._sensor = sensor
        self._ordinals = np.empty(0, np.int64)
        self._num_entries = -1
        self._span: tuple[int, int] | None = None

    def span(self) -> tuple[int, int] | None:
        """Return [start_us, end_us) from the first event to the last; None where there is none."""
        self._refresh()
        if self._span is None and len(self._ordinals):
            if self._file.entries.has_times:
                rows = self._file.entries.rows[self._ordinals[[0, -1]]]
                self._span = int(rows["start_us"][0]), int(rows["end_us"][1]) + 1
                return self._span
            first = next((events for events, _ in self._clean(self._ordinals) if len(events)), None)
            if first is not None:
                self._span = int(first["t"][0]), self._last_us(int(first["t"][-1])) + 1
        return self._span

    def batches(self, start_us: int, end_us: int) -> Iterator[tuple[EventArray, int]]:
        """Yield (events, number known to be lost near them) of [start_us, end_us), in order."""
        self._refresh()
        for events, num_lost in self._clean(self._between(start_us, end_us)):
            t = events["t"]
            if len(t) and t[0] >= end_us:
                return
            if len(t) and (t[0] < start_us or t[-1] >= end_us):
                events = events[bisect_left(t, start_us) : bisect_left(t, end_us)]
            yield events, num_lost

    def _refresh(self) -> None:
        self._file.refresh()
        entries = self._file.entries
        if len(entries.rows) != self._num_entries:
            self._num_entries = len(entries.rows)
            self._ordinals = entries.of_stream(self._stream_id)
            self._span = None

    def _last_us(self, at_least: int) -> int:
        num = _NUM_AT_END
        while True:  # damaged packets at the end: look further back
            last = [int(e["t"][-1]) for e, _ in self._clean(self._ordinals[-num:]) if len(e)]
            if last or num >= len(self._ordinals):
                return max([at_least, *last])
            num *= 4

    def _between(self, start_us: int, end_us: int) -> Ordinals:
        """Return the ordinals of all packets that can hold events of [start_us, end_us)."""
        ordinals = self._ordinals
        entries = self._file.entries
        if entries.has_times:
            rows = entries.rows[ordinals]
            first = np.searchsorted(rows["end_us"], start_us)
            last = np.searchsorted(rows["start_us"], end_us)
            return ordinals[first:last]
        if self._span is not None and start_us <= self._span[0]:
            return ordinals
        low, high = (
            0,
            len(ordinals),
        )  # the last packet that starts before start_us may reach past it
        while low < high:
            middle = (low + high) // 2
            first_us = self._first_us(middle)
            if first_us is not None and first_us < start_us:
                low = middle + 1
            else:
                high = middle
        return ordinals[max(low - 1, 0) :]

    def _first_us(self, place: int) -> int | None:
        """Return when the packet at ``place`` starts, or the next one that is not damaged."""
        for ordinal in self._ordinals[place : place + _NUM_AT_END]:
            first_us = self._file.first_event_us(int(ordinal))
            if first_us is not None:
                return first_us
        return None

    def _decoded(self, ordinals: Ordinals) -> Iterator[_Batch]:
        rows, has_times = self._file.entries.rows, self._file.entries.has_times
        decode = self._file.decode_events
        found: list[int] = []
        pieces: list[memoryview] = []
        num_bytes = num_lost = 0
        for ordinal, position, size in self._places(ordinals):
            piece = decode(ordinal, position, size)
            if piece is None:
                num_lost += int(rows["num_elements"][ordinal]) if has_times else 0
                continue
            if pieces and num_bytes + len(piece) > _BATCH_BYTES:
                yield _batch(found, pieces, num_lost)
                found, pieces, num_bytes, num_lost = [], [], 0, 0
            found.append(ordinal)
            pieces.append(piece)
            num_bytes += len(piece)
        if num_bytes or num_lost:
            yield _batch(found, pieces, num_lost)

    def _places(self, ordinals: Ordinals) -> Iterator[tuple[int, int, int]]:
        """Yield (ordinal, position, size), fetched many at a time: one by one is slow."""
        chosen, rows = ordinals, self._file.entries.rows
        for start in range(0, len(chosen), _PLACES_AT_ONCE):
            some = chosen[start : start + _PLACES_AT_ONCE]
            columns = rows[some]
            yield from zip(
                some.tolist(), columns["position"].tolist(), columns["size"].tolist(), strict=True
            )

    def _clean(self, ordinals: Ordinals) -> Iterator[tuple[EventArray, int]]:
        """Yield checked events; decodes one batch ahead, to tell a wrong time from a late one."""
        batch: _Batch | None = None
        last_us = 0
        # The file's own table tells the times that a batch must keep to: nothing to look ahead for.
        has_times = self._file.entries.has_times
        for following in chain(self._decoded(ordinals), (None,)):
            batch = following if has_times else batch
            if batch is not None:
                events, num_lost = self._checked(batch, following, last_us)
                if len(events):
                    last_us = int(events["t"][-1])
                yield events, num_lost
            batch = following

    def _checked(
        self, batch: _Batch, following: _Batch | None, last_us: int
    ) -> tuple[EventArray, int]:
        """Return the events of a batch that can be true, and how many of it are lost."""
        if not len(batch.events):
            return batch.events, batch.num_lost
        bounds = self._bounds(batch, following, last_us)
        if are_plausible(batch.events, self._sensor, bounds):
            return batch.events, batch.num_lost
        return self._kept(batch, bounds)

    def _kept(self, batch: _Batch, bounds: Bounds) -> tuple[EventArray, int]:
        """Drop from a batch what cannot be true, and count it."""
        events = batch.events
        is_inside, is_kept = keep_plausible(events, self._sensor, bounds)
        stop = 0
        for ordinal, size in zip(batch.ordinals, batch.sizes, strict=True):
            start, stop = stop, stop + size
            num_inside = int(is_inside[start:stop].sum())
            num_kept = int(is_kept[start:stop].sum())
            self._file.count_dropped(ordinal, size - num_inside, num_inside - num_kept)
        num_dropped = len(events) - int(is_kept.sum())
        if num_dropped:
            events = events[is_kept]
        return with_true_polarity(events), batch.num_lost + num_dropped

    def _bounds(self, batch: _Batch, following: _Batch | None, last_us: int) -> Bounds:
        """Return the times to keep to: from the file's table, else from the batch's neighbours."""
        entries = self._file.entries
        if entries.has_times:
            rows = entries.rows
            first_us = int(rows["start_us"][batch.ordinals[0]])
            return Bounds(max(last_us, first_us), int(rows["end_us"][batch.ordinals[-1]]))
        middle_us = _middle_us(batch)
        first_us = last_us or max(0, middle_us - MAX_QUIET_US)
        if following is None or not len(following.events):
            return Bounds(first_us, min(_LAST_US, middle_us + MAX_QUIET_US))
        next_us = _middle_us(following)
        return Bounds(first_us, next_us if next_us >= last_us else _LAST_US)


def _batch(ordinals: list[int], pieces: list[memoryview], num_lost: int) -> _Batch:
    """Join the events of packets: less dear than checking each on its own."""
    data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    sizes = [len(piece) // EVENT_DTYPE.itemsize for piece in pieces]
    return _Batch(ordinals, sizes, np.frombuffer(data, EVENT_DTYPE), num_lost)


def _middle_us(batch: _Batch) -> int:
    """Return a time that a few wrong ones do not move."""
    t = batch.events["t"]
    return int(np.median(t[:: max(1, len(t) // 63)]))
