"""Load: what the pipeline sustains of a real clip at high rates, in bursts, and over an hour.

The streams are live: what inference has no time for is dropped and counted, all else must keep up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from app.bench.row import Row
from app.bench.streams import Bursts, LoopedSource, at_rate, real_clip
from app.pipeline import Pipeline, PipelineConfig
from app.scene import Stats
from app.trace import NO_TRACE, Trace
from events.packet import EventPacket
from events.windows import WindowConfig
from export.backends.backend import Engine

SECTION = "load"
RATES = (1e6, 5e6, 10e6, 50e6)
"""Events per second; the last is asked for where a GPU infers."""
SECONDS = 6.0
WARM_UP_S = 1.0
"""What comes before is not counted: kernels load, the processor's clock rises."""
STRIDES_LIMIT = 1.5
"""Of the age of results, in strides."""
BURST_RATES = (1e6, 5e6)
BURST_SECONDS = 6.0
BURST_STRIDES_LIMIT = 2
LATE_STRIDES = 0.5
"""What a result after a burst lags more than the worst before it, to count as late. With none, half
of all bursts would seem to end late that never came: of two like stretches, each has the worst."""
CALM_S = 0.4
"""Before and after a burst: what shows how old results are without one, and when they are again."""
HOUR_RATE, HOUR_S = 1e6, 3600.0
SETTLED_SHARE = 0.05
"""Of the hour, after which memory must not grow."""


@dataclass(slots=True)
class Seen:
    """What came out of one live run; times in event seconds since its start, lags in ms."""

    stats: Stats = field(default_factory=Stats)
    wall_s: float = 0.0
    """From the start until the last packet was read..."""
    clock_s: float = 0.0
    """...and that packet's end."""
    reader_lag_ms: list[float] = field(default_factory=list)
    """How long after its last event was due each packet was read."""
    scene_end_s: list[float] = field(default_factory=list)
    scene_lag_ms: list[float] = field(default_factory=list)
    """How long after its window's end was due each scene came."""


def rows(engine: Engine, trace: Trace = NO_TRACE) -> Iterator[Row]:
    """Yield what is sustained at each rate, how bursts end, and what an hour leaves in memory."""
    clip, name = real_clip()
    windows = WindowConfig(length_us=engine.card.window_us, stride_us=engine.card.stride_us)
    for rate in RATES:
        source = LoopedSource(at_rate(clip, rate), SECONDS, is_live=True)
        yield from _sustained(rate, watch(source, engine, windows, trace), windows, name)
    for rate in BURST_RATES:
        bursts = Bursts()
        source = LoopedSource(at_rate(clip, rate), BURST_SECONDS, is_live=True, bursts=bursts)
        yield _recovery(rate, watch(source, engine, windows, trace), windows, bursts)
    yield _hour(at_rate(clip, HOUR_RATE), engine, windows)


def watch(
    source: LoopedSource, engine: Engine, windows: WindowConfig, trace: Trace = NO_TRACE
) -> Seen:
    """Run a live source at its own pace to its end."""
    seen = Seen()
    started_s: list[float] = []

    def lag_ms(end_us: int) -> float:
        return 1e3 * (time.monotonic() - started_s[0] - 1e-6 * end_us)

    def see(packet: EventPacket) -> None:
        if not started_s:
            started_s.append(time.monotonic() - 1e-6 * packet.end_us)
        seen.wall_s, seen.clock_s = time.monotonic() - started_s[0], 1e-6 * packet.end_us
        if packet.end_us >= 1e6 * WARM_UP_S:
            seen.reader_lag_ms.append(lag_ms(packet.end_us))

    config = PipelineConfig(windows=windows)
    with Pipeline(source, engine, config, recorder=see, trace=trace) as pipeline:
        for scene in pipeline.scenes():
            if scene.packet.end_us >= 1e6 * WARM_UP_S and not scene.is_partial:
                seen.scene_end_s.append(1e-6 * scene.packet.end_us)
                seen.scene_lag_ms.append(lag_ms(scene.packet.end_us))
        seen.stats = pipeline.stats()
    return seen


def _sustained(rate: float, seen: Seen, windows: WindowConfig, clip: str) -> Iterator[Row]:
    name, stats = f"{rate / 1e6:g} Mev/s", seen.stats
    assert windows.stride_us is not None
    asked_per_s, limit_ms = 1e6 / windows.stride_us, STRIDES_LIMIT * windows.stride_us / 1e3
    yield Row(
        section=SECTION, name=f"{name}, events in", value=stats.num_events / seen.wall_s / 1e6,
        unit="Mev/s", baseline=rate / 1e6, is_higher_better=True, note=f"to what is due; {clip}",
    )  # fmt: skip
    late_ms = np.percentile(seen.reader_lag_ms, 99)
    yield Row(section=SECTION, name=f"{name}, reader late, p99", value=float(late_ms), unit="ms")
    yield Row(
        section=SECTION, name=f"{name}, windows", value=stats.num_windows / seen.wall_s,
        unit="/s", baseline=asked_per_s, is_higher_better=True,
        note=f"to what is asked; {stats.num_windows} done, {stats.num_dropped_windows} dropped",
    )  # fmt: skip
    for quantile, age_ms in (("p50", stats.age.p50_ms), ("p95", stats.age.p95_ms)):
        yield Row(
            section=SECTION, name=f"{name}, events to result, {quantile}", value=age_ms, unit="ms",
            baseline=limit_ms, note=f"to {STRIDES_LIMIT:g} strides",
        )  # fmt: skip


def _recovery(rate: float, seen: Seen, windows: WindowConfig, bursts: Bursts) -> Row:
    assert windows.stride_us is not None
    strides = recovery_strides(seen, bursts, 1e-6 * windows.stride_us)
    return Row(
        section=SECTION,
        name=f"{rate / 1e6:g} Mev/s, after 10 times that for 100 ms",
        value=float(np.median(strides)),
        unit="strides",
        baseline=BURST_STRIDES_LIMIT,
        note=f"until results are no older than before; at worst {max(strides):.0f} "
        f"of {len(strides)} bursts; {seen.stats.num_dropped_windows} windows dropped",
    )


def recovery_strides(seen: Seen, bursts: Bursts, stride_s: float) -> list[float]:
    """Return for each burst how many strides after it the last result came late.

    Late is what lags LATE_STRIDES more than every result that ended within CALM_S before the burst.
    """
    end_s, lag_ms = np.array(seen.scene_end_s), np.array(seen.scene_lag_ms)
    every_s, length_s = 1e-6 * bursts.every_us, 1e-6 * bursts.length_us
    found = []
    for over_s in np.arange(2 * every_s, seen.clock_s - CALM_S, every_s):
        begun_s = over_s - length_s
        calm = lag_ms[(end_s > begun_s - CALM_S) & (end_s <= begun_s)]
        is_after = (end_s > over_s) & (end_s <= over_s + CALM_S)
        if not len(calm):
            continue
        is_late = is_after & (lag_ms > calm.max() + 1e3 * LATE_STRIDES * stride_s)
        found.append(float((end_s[is_late].max() - over_s) / stride_s) if is_late.any() else 0.0)
    return found or [float("inf")]


def _hour(clip: EventPacket, engine: Engine, windows: WindowConfig) -> Row:
    """Run an hour's packets as fast as they are taken, as a live stream."""
    source = LoopedSource(clip, HOUR_S, is_live=True, speed=float("inf"))
    settled_mb = 0.0
    started_s = time.monotonic()
    with Pipeline(source, engine, PipelineConfig(windows=windows)) as pipeline:
        for _ in pipeline.scenes():
            if not settled_mb and pipeline.stats().clock_us > SETTLED_SHARE * HOUR_S * 1e6:
                settled_mb = resident_mb()
        stats = pipeline.stats()
        end_mb = resident_mb()
    return Row(
        section=SECTION,
        name=f"memory that {HOUR_S / 3600:.2g} h of {HOUR_RATE / 1e6:g} Mev/s adds",
        value=end_mb - settled_mb,
        unit="MB",
        note=f"{stats.num_events / 1e9:.2f} G events in {time.monotonic() - started_s:.0f} s, "
        f"{stats.num_windows} windows inferred, {stats.num_dropped_windows} dropped; "
        f"{settled_mb:.0f} MB after {SETTLED_SHARE:.0%}, {end_mb:.0f} MB in the end",
    )


def resident_mb() -> float:
    """Return this process's memory; where the system does not tell, the most it ever had."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS
