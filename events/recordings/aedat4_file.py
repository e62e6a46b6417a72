"""Aedat4File: the packets of an AEDAT4 file, found and decompressed, their damage counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from events.recordings import aedat4_payloads
from events.recordings.aedat4_header import KINDS, Header, read_header
from events.recordings.aedat4_index import (
    MAX_INDEX_BYTES,
    Entries,
    IndexDamaged,
    entries_of_scan,
    read_index,
)
from events.recordings.aedat4_scan import Scanner
from events.recordings.compression import Buffer, decompress_start, decompressor
from events.recordings.file_bytes import FileBytes
from events.recordings.recording import Damage, RecordingError, Stream

T = TypeVar("T")
_FIRST_EVENT_BYTES = 64
_USUAL_HEADER_BYTES = 1 << 13


class Aedat4File:
    """Packets by their ordinal; ``refresh`` sees what a writer has added."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = FileBytes(path)
        try:
            self.header = self._read_header()
            self._decompress = decompressor(self.header.compression)
            self.events_stream = self.stream("events")
            self._scanner: Scanner | None = None
            self._index_trouble = ""
            self._damaged: dict[int, int] = {}
            self._out_of_bounds: dict[int, int] = {}
            self._out_of_order: dict[int, int] = {}
            self.entries = self._load()
        except BaseException:
            self._file.close()
            raise

    def stream(self, kind: str) -> Stream | None:
        """Return the first stream of a kind."""
        return next((stream for stream in self.header.streams if stream.kind == kind), None)

    @property
    def damage(self) -> Damage:
        """What has been found so far."""
        known = [s.id for s in self.header.streams if s.kind in KINDS.values()]
        ids = self.entries.rows["stream_id"]
        scanner = self._scanner
        return Damage(
            damaged_packets=len(self._damaged) + (scanner.num_broken_headers if scanner else 0),
            unknown_packets=int((~np.isin(ids, known)).sum()),
            lost_events=sum(self._damaged.values()),
            out_of_bounds_events=sum(self._out_of_bounds.values()),
            out_of_order_events=sum(self._out_of_order.values()),
            skipped_bytes=scanner.num_skipped_bytes if scanner else 0,
            index=self._index_trouble,
        )

    def refresh(self) -> None:
        """See what was added to a file that had no index when it was opened."""
        if self._scanner is None:
            return
        if self.header.index_position is None:
            header = self._read_header()
            if header.index_position is not None:
                self.header = header
                self.entries = self._load()
                return
        end = min(self._file.size, self.header.index_position or self._file.size)
        found = self._scanner.advance(end)
        if found:
            rows = np.concatenate([self.entries.rows, entries_of_scan(found)])
            self.entries = Entries(rows, False)

    def decode(self, ordinal: int, decoder: Callable[[Buffer], T]) -> T | None:
        """Return the decoded payload of a packet; None, and counted, if it is damaged."""
        row = self.entries.rows[ordinal]
        return self._decoded(ordinal, int(row["position"]), int(row["size"]), decoder)

    def decode_events(self, ordinal: int, position: int, size: int) -> memoryview | None:
        """Return the events of a packet, 16 bytes each; None, and counted, if it is damaged."""
        return self._decoded(ordinal, position, size, aedat4_payloads.find_events)

    def _decoded(
        self, ordinal: int, position: int, size: int, decoder: Callable[[Buffer], T]
    ) -> T | None:
        data = self._file.read(position, size)
        try:
            if len(data) < size:
                raise ValueError("cut short")
            return decoder(self._decompress(data))
        except ValueError:
            row = self.entries.rows[ordinal]
            num_lost = int(row["num_elements"]) if self.entries.has_times else 0
            is_event = self.events_stream is not None and row["stream_id"] == self.events_stream.id
            self._damaged[ordinal] = num_lost if is_event else 0
            return None

    def first_event_us(self, ordinal: int) -> int | None:
        """Return the time of a packet's first event, decoding no more; None if damaged."""
        row = self.entries.rows[ordinal]
        data = self._file.read(int(row["position"]), int(row["size"]), 0)
        try:
            start = decompress_start(data, self.header.compression, _FIRST_EVENT_BYTES)
            return aedat4_payloads.first_event_us(start)
        except ValueError:
            return None

    def count_dropped(self, ordinal: int, out_of_bounds: int, out_of_order: int) -> None:
        """Remember how many events of a packet were dropped; reading again counts nothing twice."""
        for counts, number in (
            (self._out_of_bounds, out_of_bounds),
            (self._out_of_order, out_of_order),
        ):
            if number:
                counts[ordinal] = number

    def close(self) -> None:
        self._file.close()

    def _read_header(self) -> Header:
        header = read_header(self._file.read(0, _USUAL_HEADER_BYTES, 0), self.path)
        if isinstance(header, int):
            needed = header
            header = read_header(self._file.read(0, needed, 0), self.path)
        if isinstance(header, int):
            raise RecordingError(
                f"{self.path} is cut short: {self._file.size:,} bytes, "
                f"its header alone has {header:,}"
            )
        return header

    def _load(self) -> Entries:
        """Read the file's own table, or scan for packets where it has none that can be true."""
        self._scanner, self._index_trouble = None, ""
        size, position = self._file.size, self.header.index_position
        try:
            if position is None:
                raise IndexDamaged("missing (the file was not closed)")
            if not self.header.num_bytes <= position < size:
                raise IndexDamaged("missing (the file is cut short)")
            data = self._file.read(position, min(size - position, MAX_INDEX_BYTES), 0)
            event_stream = self.events_stream.id if self.events_stream else -1
            entries = read_index(
                data, self.header.compression, self.header.num_bytes, position, event_stream
            )
            if entries.has_times and not self._tells_true_times(entries):
                entries = Entries(entries.rows, False)
            return entries
        except IndexDamaged as trouble:
            self._index_trouble = str(trouble)
        ids = {stream.id for stream in self.header.streams}
        self._scanner = Scanner(self._file, self.header.num_bytes, self.header.compression, ids)
        end = min(size, position or size)
        return Entries(entries_of_scan(self._scanner.advance(end)), False)

    def _tells_true_times(self, entries: Entries) -> bool:
        """Whether the table's times are those of the events, which some writers do not see to."""
        if self.events_stream is None:
            return True
        ordinals = entries.of_stream(self.events_stream.id)
        if len(ordinals) == 0:
            return True
        self.entries = entries
        first_us = self.first_event_us(int(ordinals[0]))
        return first_us is None or first_us == entries.rows["start_us"][ordinals[0]]
