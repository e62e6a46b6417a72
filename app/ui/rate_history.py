"""RateHistory: the event rate over a timeline, in a fixed number of bins; no Qt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

NUM_BINS = 480
LIVE_SPAN_US = 60_000_000
LEAST_SPAN_US = 1_000
"""A window of events that all came at once has no rate."""
MOST_FOLLOWED_US = 1_000_000
"""A clock that moves further at once has jumped."""


class RateHistory:
    """Events per second by bins of [start_us, end_us); NaN where nothing was seen yet.

    A live stream has no end: give ``end_us`` None, and the last minute is kept.
    """

    def __init__(self, start_us: int, end_us: int | None) -> None:
        self._is_live = end_us is None
        self.first_us = start_us
        """Where the stream began."""
        self.start_us = start_us - LIVE_SPAN_US if end_us is None else start_us
        self.end_us = start_us if end_us is None else max(end_us, start_us + 1)
        self._clock_us = start_us
        self.rates: npt.NDArray[np.float64] = np.full(NUM_BINS, np.nan)

    @property
    def bin_us(self) -> float:
        """Length of a bin."""
        return (self.end_us - self.start_us) / NUM_BINS

    def add(self, start_us: int, end_us: int, num_events: int, *, only_gaps: bool = False) -> None:
        """Say that ``num_events`` came in [start_us, end_us).

        Later words replace earlier ones, or with ``only_gaps`` fill in what was not seen.
        """
        if end_us <= start_us:
            return
        if self._is_live:
            self._advance(end_us)
        first = int((start_us - self.start_us) / self.bin_us)
        last = int(np.ceil((end_us - self.start_us) / self.bin_us))
        first, last = max(first, 0), min(max(last, first + 1), NUM_BINS)
        part = self.rates[first:last]
        rate = num_events * 1e6 / max(end_us - start_us, LEAST_SPAN_US)
        part[np.isnan(part) if only_gaps else slice(None)] = rate

    def follow(self, clock_us: int, rate: float) -> None:
        """Fill in what no window told of, such as a quiet scene: the stream's rate by now."""
        since_us, self._clock_us = clock_us - self._clock_us, clock_us
        if 0 < since_us <= MOST_FOLLOWED_US:
            num_events = round(rate * since_us * 1e-6)
            self.add(clock_us - since_us, clock_us, num_events, only_gaps=True)

    def _advance(self, now_us: int) -> None:
        if (
            now_us < self.start_us or now_us > self.end_us + LIVE_SPAN_US
        ):  # another clock: reconnected
            self.rates[:] = np.nan
            self.first_us = now_us
            self.start_us, self.end_us = now_us - LIVE_SPAN_US, now_us
            return
        num_bins = int(max(0, now_us - self.end_us) / self.bin_us)
        if num_bins:
            shift_us = int(num_bins * self.bin_us)
            self.rates = np.concatenate([self.rates[num_bins:], np.full(num_bins, np.nan)])
            self.start_us += shift_us
            self.end_us += shift_us
