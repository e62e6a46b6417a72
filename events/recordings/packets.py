"""packets_of: batches of checked events, cut into touching packets of one length."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from events.packet import EventArray, EventPacket, SensorSize, join_events
from events.recordings.recording import MAX_QUIET_US


def packets_of(
    batches: Iterable[tuple[EventArray, int]],
    sensor: SensorSize,
    start_us: int,
    end_us: int,
    duration_us: int,
) -> Iterator[EventPacket]:
    """Yield touching packets of ``duration_us`` over [start_us, end_us), empty ones too.

    After a silence of more than MAX_QUIET_US the next packet does not touch; the last may be
    shorter. See ``Recording.packets``.

    Args:
        batches: (events in order within the span, number known to be lost near them).
        sensor: Of all events.
        start_us: Where the first packet starts.
        end_us: Where the last one ends.
        duration_us: Length of each packet.

    Raises:
        ValueError: ``duration_us`` is not positive.
    """
    if duration_us <= 0:
        raise ValueError(f"duration_us must be positive, got {duration_us}")
    pending: list[EventArray] = []
    num_lost = 0
    for events, num_lost_here in batches:
        num_lost += num_lost_here
        while len(events):
            if not pending and events["t"][0] - start_us > MAX_QUIET_US:
                start_us = int(events["t"][0])
            stop_us = start_us + duration_us
            if events["t"][-1] < stop_us:
                pending.append(events)
                break
            cut = bisect_left(events["t"], stop_us)
            if cut:
                pending.append(events[:cut])
            yield packet_of(pending, sensor, start_us, min(stop_us, end_us), num_lost)
            pending, num_lost, start_us, events = [], 0, stop_us, events[cut:]
    is_silence = end_us - start_us > max(MAX_QUIET_US, duration_us)
    while start_us < end_us and (pending or num_lost or not is_silence):
        stop_us = min(start_us + duration_us, end_us)
        yield packet_of(pending, sensor, start_us, stop_us, num_lost)
        pending, num_lost, start_us = [], 0, stop_us


def packet_of(
    parts: list[EventArray], sensor: SensorSize, start_us: int, end_us: int, num_lost: int
) -> EventPacket:
    """Return parts that follow each other as one packet."""
    return EventPacket(join_events(parts), sensor, start_us, end_us, num_lost)
