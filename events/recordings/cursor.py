"""Cursor: a recording read on from one time to the next, in stretches of any length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from events.packet import EventPacket, empty_packet, join
from events.recordings.recording import Recording

SLICE_US = 10_000
"""Length of the slices that are read from disk."""


class Cursor:
    """Reads a recording from one time to the next, decoding each packet once."""

    def __init__(self, recording: Recording, start_us: int) -> None:
        self._recording = recording
        self.seek(start_us)

    def seek(self, t_us: int) -> None:
        """Go on at ``t_us``."""
        self._position_us = t_us
        self._slices: Iterator[EventPacket] | None = None
        self._slice: EventPacket | None = None
        self._num_lost = 0  # in slices, not yet told: a part of a slice does not know its share

    def read(self, stop_us: int) -> EventPacket:
        """Return the packet from the last one's end to ``stop_us``.

        Where the recording's clock jumps the packet ends before, and the next one starts after the
        jump.
        """
        start_us = self._position_us
        parts: list[EventPacket] = []
        while self._position_us < stop_us:
            found = self._next_slice()
            if found is None:
                break
            if found.start_us > self._position_us:
                if parts:
                    break
                stop_us += found.start_us - self._position_us
                start_us = self._position_us = found.start_us
            part = found.between(self._position_us, stop_us)
            parts.append(part)
            self._position_us = part.end_us
        if not parts:
            self._position_us = max(stop_us, start_us)
            return empty_packet(self._recording.sensor, start_us, self._position_us)
        packet = join(parts)
        if self._num_lost:
            packet = replace(packet, num_lost=self._num_lost)
            self._num_lost = 0
        return packet

    def _next_slice(self) -> EventPacket | None:
        if self._slice is None or self._slice.end_us <= self._position_us:
            if self._slices is None:
                self._slices = self._recording.packets(self._position_us, duration_us=SLICE_US)
            self._slice = next(self._slices, None)
            if self._slice is None:
                self._slices = None
            else:
                self._num_lost += self._slice.num_lost
        return self._slice
