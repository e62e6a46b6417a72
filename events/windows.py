"""Sliding windows over a stream of packets: by time or by number of events.

Every event is in at least one window as long as the stride is not longer than the window:

- Time windows start at ``anchor_us + i * stride_us``. A segment's first window is the last one that
  starts at or before the segment; it is partial if it starts before. When a segment ends with
  events' time in no window yet, the next window follows as a partial one.
- Count windows start every ``stride_events`` events and wait for ``length_events`` of them: in a
  quiet scene none come. When a segment ends, events that were in no window follow as a partial one.
  ``newest`` shows the first one as far as its events came, where the stream stands still.
- With a stride longer than the window, events in the gaps are in no window: that was asked for.

A segment is a run of touching packets of one sensor; a packet that starts elsewhere ends it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from events.blocks import EventBlocks
from events.packet import EventArray, EventPacket, copy_events


@dataclass(frozen=True, kw_only=True)
class WindowConfig:
    """Time windows, or count windows where the two lengths in microseconds are None."""

    length_us: int | None = 50_000
    """Length of a time window."""
    stride_us: int | None = 20_000
    """From one time window's start to the next one's."""
    length_events: int | None = None
    """Events in a count window."""
    stride_events: int | None = None
    """Events from one count window's first to the next one's; None is the length."""
    anchor_us: int | None = None
    """Where time window 0 starts; None is the start of the segment's first packet."""

    def __post_init__(self) -> None:
        if (self.length_us is None) == (self.length_events is None):
            raise ValueError(
                "set either length_us (time windows) or length_events (count windows) and the "
                f"other to None, got {self.length_us} and {self.length_events}"
            )
        if (self.length_us is None) != (self.stride_us is None):
            raise ValueError(
                f"length_us and stride_us go together, got {self.length_us} and {self.stride_us}: "
                "count windows need both set to None"
            )
        if self.length_events is None and self.stride_events is not None:
            raise ValueError(f"stride_events={self.stride_events} needs length_events")
        for name in ("length_us", "stride_us", "length_events", "stride_events"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")

    def build(self) -> Windower:
        return Windower(self)


@dataclass(frozen=True)
class Window:
    """One window of a stream."""

    index: int
    """Number of windows yielded before this one."""
    packet: EventPacket
    """The window's events. A time window's span is always the whole window's, also where it is
    partial; a count window's reaches from its first event to its last one. Losses are those of all
    packets that the span touches, so overlapping windows repeat them."""
    is_partial: bool
    """Whether the stream covers only a part of the window."""
    segment: int = 0
    """Number of segments that ended before the window's own: two windows of different ones have a
    jump of the stream between them, however near they lie."""


class _Buffer:
    """Appends events and hands out views of them; what a view may show is never overwritten."""

    MIN_CAPACITY = 1 << 14

    def __init__(self) -> None:
        self._blocks = EventBlocks()
        self._events = self._blocks.lend(self.MIN_CAPACITY)
        self._first = 0
        self._last = 0

    def __len__(self) -> int:
        return self._last - self._first

    def append(self, events: EventArray) -> None:
        last = self._last + len(events)
        if last > len(self._events):
            # Twice the need: an event is copied again at most once per window length, on average.
            kept = self._events[self._first : self._last]
            capacity = max(2 * (len(kept) + len(events)), self.MIN_CAPACITY)
            self._events = self._blocks.lend(capacity)
            copy_events(kept, self._events)
            self._first, self._last = 0, len(kept)
            last = self._last + len(events)
        copy_events(events, self._events[self._last :])
        self._last = last

    def drop(self, count: int) -> None:
        """Forget the oldest ``count`` events."""
        self._first += count

    def clear(self) -> None:
        self._first = self._last

    def index_of(self, t_us: int) -> int:
        """Return how many events are before ``t_us``."""
        return bisect_left(self._events["t"], t_us, self._first, self._last) - self._first

    def view(self, first: int, last: int) -> EventArray:
        return self._events[self._first + first : self._first + last]


class Windower:
    """Cuts packets into windows as they come; holds a window's and a packet's events at most."""

    def __init__(self, config: WindowConfig) -> None:
        self.config = config
        self._buffer = _Buffer()
        self._losses: deque[EventPacket] = deque()
        self._last_packet: EventPacket | None = None
        self._num_windows = self._num_segments = 0
        self._segment_start_us = 0
        self._next_start_us = 0
        self._covered_us = 0
        self._num_covered = 0
        self._num_to_skip = 0
        self._is_first = True

    @property
    def num_gathered(self) -> int:
        """Events that the next count window has so far; 0 for time windows."""
        return len(self._buffer) if self.config.length_us is None else 0

    def push(self, packet: EventPacket) -> list[Window]:
        """Return the windows that ``packet`` completes, oldest first; a jump finishes what was."""
        windows: list[Window] = []
        last = self._last_packet
        if last is None or packet.start_us != last.end_us or packet.sensor != last.sensor:
            windows = self.finish()
            self._begin(packet)
        self._last_packet = packet
        if packet.num_lost:
            self._losses.append(packet)
        if self.config.length_us is None:
            return windows + self._push_count(packet)
        return windows + self._push_time(packet)

    def finish(self) -> list[Window]:
        """Return the segment's partial window if something is in none yet, and start anew."""
        last = self._last_packet
        if last is None:
            return []
        windows: list[Window] = []
        if self.config.length_us is not None:
            if max(self._next_start_us, self._covered_us) < last.end_us:
                windows = [self._time_window(is_partial=True)]
        elif len(self._buffer) > self._num_covered:
            windows = [self._count_window(len(self._buffer), is_partial=True)]
        self._buffer.clear()
        self._losses.clear()
        self._last_packet = None
        return windows

    def newest(self, windows: Iterable[Window]) -> list[Window]:
        """Return the one to look at where the stream stands still, if there is one.

        The last of the segment in ``windows``, which the last ``push`` returned; before its first
        count window, what came of that, which may be nothing. All goes on unchanged.
        """
        if self.config.length_us is None and self._is_first and self._last_packet is not None:
            return [self._count_window(len(self._buffer), is_partial=True)]
        return [window for window in windows if window.segment == self._num_segments - 1][-1:]

    def _begin(self, packet: EventPacket) -> None:
        """Set the clock to the segment that ``packet`` opens."""
        self._num_segments += 1
        self._is_first = True
        self._num_covered = self._num_to_skip = 0
        self._segment_start_us = self._covered_us = self._next_start_us = packet.start_us
        length_us, stride_us = self.config.length_us, self.config.stride_us
        if self.config.anchor_us is None or length_us is None or stride_us is None:
            return
        self._next_start_us -= (packet.start_us - self.config.anchor_us) % stride_us
        if self._next_start_us + length_us <= packet.start_us:  # the segment begins in a gap
            self._next_start_us += stride_us

    def _push_time(self, packet: EventPacket) -> list[Window]:
        assert self.config.length_us is not None
        self._buffer.append(packet.events)
        windows = []
        while self._next_start_us + self.config.length_us <= packet.end_us:
            windows.append(self._time_window())
        self._buffer.drop(self._buffer.index_of(self._next_start_us))
        while self._losses and self._losses[0].end_us < self._next_start_us:
            self._losses.popleft()
        return windows

    def _time_window(self, *, is_partial: bool = False) -> Window:
        """Return the next window and move on by one stride."""
        assert self._last_packet is not None
        assert self.config.length_us is not None
        assert self.config.stride_us is not None
        start_us = self._next_start_us
        end_us = start_us + self.config.length_us
        is_partial = is_partial or start_us < self._segment_start_us
        self._next_start_us += self.config.stride_us
        self._covered_us = end_us
        first, last = self._buffer.index_of(start_us), self._buffer.index_of(end_us)
        return self._window(self._buffer.view(first, last), start_us, end_us, is_partial)

    def _push_count(self, packet: EventPacket) -> list[Window]:
        length, stride = self.config.length_events, self.config.stride_events
        assert length is not None
        self._buffer.append(packet.events)
        windows: list[Window] = []
        while True:
            skipped = min(self._num_to_skip, len(self._buffer))
            self._buffer.drop(skipped)
            self._num_to_skip -= skipped
            if self._num_to_skip or len(self._buffer) < length:
                return windows
            windows.append(self._count_window(length))
            self._is_first = False
            self._num_to_skip = stride or length
            self._num_covered = max(length - self._num_to_skip, 0)

    def _count_window(self, count: int, *, is_partial: bool = False) -> Window:
        """Return the oldest ``count`` events as a window; without any, it spans the packet."""
        assert self._last_packet is not None
        events = self._buffer.view(0, count)
        start_us, end_us = self._last_packet.start_us, self._last_packet.end_us
        if count:
            start_us, end_us = int(events["t"][0]), int(events["t"][-1]) + 1
        while self._losses and self._losses[0].end_us < start_us:
            self._losses.popleft()
        return self._window(events, start_us, end_us, is_partial)

    def _window(self, events: EventArray, start_us: int, end_us: int, is_partial: bool) -> Window:
        assert self._last_packet is not None
        num_lost = sum(
            lossy.num_lost
            for lossy in self._losses
            if lossy.start_us < end_us and lossy.end_us > start_us
        )
        packet = EventPacket(events, self._last_packet.sensor, start_us, end_us, num_lost)
        self._num_windows += 1
        return Window(self._num_windows - 1, packet, is_partial, self._num_segments - 1)


def slide(packets: Iterable[EventPacket], config: WindowConfig) -> Iterator[Window]:
    """Yield the windows of all packets, the last, partial one included."""
    windower = Windower(config)
    for packet in packets:
        yield from windower.push(packet)
    yield from windower.finish()
