"""Statistics of a running stream in fixed memory: quantiles and rates.

Each has one writer; any thread may read, and then sees a value at most one update old.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Quantiles:
    """The middle and the slow end of recent durations."""

    p50_ms: float = 0.0
    p95_ms: float = 0.0


class QuantileWindow:
    """Quantiles of the last ``capacity`` values."""

    def __init__(self, capacity: int = 256) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self._values = np.zeros(capacity)
        self._num_added = 0

    def __len__(self) -> int:
        return min(self._num_added, len(self._values))

    def add(self, value: float) -> None:
        """Add a value; the oldest one leaves when the window is full."""
        self._values[self._num_added % len(self._values)] = value
        self._num_added += 1

    def quantiles(self) -> Quantiles:
        """Return p50 and p95; zeros while empty."""
        if not self._num_added:
            return Quantiles()
        p50, p95 = np.quantile(self._values[: len(self)], (0.5, 0.95))
        return Quantiles(float(p50), float(p95))


class WallRate:
    """Things per wall second over the last ``span_s``; falls to 0 when nothing comes any more."""

    NUM_BUCKETS = 20

    def __init__(self, span_s: float = 2.0) -> None:
        if span_s <= 0:
            raise ValueError(f"span_s must be positive, got {span_s}")
        self._bucket_s = span_s / self.NUM_BUCKETS
        self._counts = np.zeros(self.NUM_BUCKETS, np.int64)
        self._bucket_index = np.full(self.NUM_BUCKETS, -1, np.int64)
        self._first_s: float | None = None

    def add(self, num: int = 1, now_s: float | None = None) -> None:
        """Count ``num`` things at ``now_s`` (default: now) of the monotonic clock."""
        now_s = time.monotonic() if now_s is None else now_s
        if self._first_s is None:
            self._first_s = now_s
        bucket = int(now_s / self._bucket_s)
        slot = bucket % self.NUM_BUCKETS
        if self._bucket_index[slot] != bucket:
            self._counts[slot] = 0
            self._bucket_index[slot] = bucket
        self._counts[slot] += num

    def per_second(self, now_s: float | None = None) -> float:
        """Return the rate over the span, or since the first thing while that is shorter."""
        if self._first_s is None:
            return 0.0
        now_s = time.monotonic() if now_s is None else now_s
        oldest = int(now_s / self._bucket_s) - self.NUM_BUCKETS
        num = int(self._counts[self._bucket_index > oldest].sum())
        span_s = self._bucket_s * self.NUM_BUCKETS
        return num / max(min(now_s - self._first_s, span_s), self._bucket_s)


class EventRate:
    """Events per second of event time, weighted towards the last ``memory_us``.

    It is a property of the scene: playing slower or faster does not change it.
    """

    def __init__(self, memory_us: int = 200_000) -> None:
        if memory_us <= 0:
            raise ValueError(f"memory_us must be positive, got {memory_us}")
        self._memory_us = memory_us
        self._num_events = 0.0
        self._duration_us = 0.0

    def add(self, num_events: int, duration_us: int) -> None:
        """Add a packet."""
        kept = math.exp(-duration_us / self._memory_us)
        self._num_events = self._num_events * kept + num_events
        self._duration_us = self._duration_us * kept + duration_us

    def per_second(self) -> float:
        """Return the rate; 0 before the first packet."""
        return 1e6 * self._num_events / self._duration_us if self._duration_us else 0.0

    def reset(self) -> None:
        """Forget everything: the stream jumped."""
        self._num_events = self._duration_us = 0.0
