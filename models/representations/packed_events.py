"""Packed events: those of some windows of one sensor, one window after another, 8 bytes each."""

# N events, B windows

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from events.packet import EventPacket, SensorSize

ON = 1 << 15
"""Polarity's bit: columns and rows have 15 bits each."""
LONGEST_US = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class PackedEvents:
    """What becomes the network inputs of some windows, on any device."""

    sensor: SensorSize
    words: Tensor
    """(N, 2) int32: microseconds since the window's start; ``x | p << 15 | y << 16``."""
    num_events: tuple[int, ...]
    """Of each window."""
    durations_us: tuple[int, ...]
    """Of each window."""

    def __len__(self) -> int:
        return len(self.num_events)


def pack(packets: Sequence[EventPacket]) -> PackedEvents:
    """Return the events of windows of one sensor; at least one window.

    Raises:
        ValueError: their sensors differ, or a window is longer than 35 minutes.
    """
    sensors = list(dict.fromkeys(packet.sensor for packet in packets))
    if len(sensors) != 1:
        raise ValueError(f"windows of one sensor are packed together, got {sensors}")
    longest_us = max(packet.duration_us for packet in packets)
    if longest_us > LONGEST_US:
        raise ValueError(f"a window must not last more than {LONGEST_US} us, got {longest_us}")
    num_events = tuple(len(packet) for packet in packets)
    words = np.empty((sum(num_events), 2), np.int32)
    first = 0
    for packet in packets:
        end = first + len(packet)
        halves = np.ascontiguousarray(packet.words).view(np.int32)  # t low, t high, y x, p
        # Differences of the low halves are right whatever the high ones are.
        np.subtract(halves[:, 0], np.int64(packet.start_us).astype(np.int32), words[first:end, 0])
        words[first:end, 1] = halves[:, 2] | (halves[:, 3] & 1) * ON
        first = end
    durations_us = tuple(packet.duration_us for packet in packets)
    return PackedEvents(sensors[0], torch.from_numpy(words), num_events, durations_us)
