"""Numbers as text: times, rates and durations with their units, in few and steady digits; no Qt."""

from __future__ import annotations

import math


def time_text(duration_us: int, *, total_us: int = 0) -> str:
    """Return ``s.mmm`` below a minute and ``m:ss.mmm`` from there on (or where ``total_us`` is)."""
    sign = "-" if duration_us < 0 else ""
    milliseconds = abs(duration_us) // 1000
    seconds, milliseconds = divmod(milliseconds, 1000)
    if max(abs(duration_us), total_us) < 60_000_000:
        return f"{sign}{seconds}.{milliseconds:03d} s"
    minutes, seconds = divmod(seconds, 60)
    return f"{sign}{minutes}:{seconds:02d}.{milliseconds:03d}"


def rate_text(events_per_s: float) -> str:
    """Return a rate in ev/s, kev/s or Mev/s with three digits."""
    for factor, unit in ((1e6, "Mev/s"), (1e3, "kev/s")):
        if events_per_s >= factor * 0.9995:
            return f"{_three_digits(events_per_s / factor)} {unit}"
    return f"{events_per_s:.0f} ev/s"


def _three_digits(value: float) -> str:
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def duration_text(milliseconds: float) -> str:
    """Return a duration in ms, or from ten seconds on in s."""
    if milliseconds < 9.95:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else f"{milliseconds / 1000:.0f} s"


def count_text(count: int) -> str:
    """Return a count in full below a million, then in millions."""
    return f"{count:,}" if count < 1_000_000 else f"{count / 1e6:.2f} M"


def speed_text(speed: float) -> str:
    """Return a playing speed; infinity is as fast as inference."""
    return "max" if math.isinf(speed) else f"{speed:g}×"


def metres_text(distance_m: float) -> str:
    """Return a distance with two digits at most behind the point."""
    return f"{distance_m:.2g}" if distance_m < 10 else f"{distance_m:.0f}"
