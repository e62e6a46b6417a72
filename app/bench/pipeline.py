"""The whole pipeline: windows a second that it sustains, and the age of its results."""

from __future__ import annotations

import time
from collections.abc import Iterator

from app.bench.row import Row
from app.bench.streams import RandomSource
from app.pipeline import Pipeline, PipelineConfig
from app.scene import PipelineState
from app.trace import NO_TRACE, Trace
from events.windows import WindowConfig
from export.backends.backend import Engine

RATES = (0.1e6, 1e6, 5e6)
"""Events per second."""
DURATION_S = 3.0
WARM_UP_S = 0.5


def rows(engine: Engine, trace: Trace = NO_TRACE) -> Iterator[Row]:
    """Yield the sustained window rate and the end-to-end latency at each of RATES."""
    card = engine.card
    windows = WindowConfig(length_us=card.window_us, stride_us=card.stride_us)
    real_time = 1e6 / card.stride_us
    _drain(Pipeline(RandomSource(RATES[0], WARM_UP_S, is_live=False), engine, _every(windows)))
    for rate in RATES:
        name = f"{rate / 1e6:g} Mev/s"
        source = RandomSource(rate, DURATION_S, is_live=False)
        started_s = time.monotonic()
        num_windows = _drain(Pipeline(source, engine, _every(windows), trace=trace))
        yield Row(
            section="pipeline",
            name=f"{name}, as fast as it goes",
            value=num_windows / (time.monotonic() - started_s),
            unit="windows/s",
            baseline=real_time,
            is_higher_better=True,
            note=f"to real time at a stride of {card.stride_us / 1e3:g} ms",
        )
        yield from _latency(name, rate, engine, windows, trace)


def _latency(
    name: str, rate: float, engine: Engine, windows: WindowConfig, trace: Trace
) -> Iterator[Row]:
    """Yield the age of results on a live stream, from the window's last events to its scene."""
    source = RandomSource(rate, DURATION_S, is_live=True)
    with Pipeline(source, engine, PipelineConfig(windows=windows), trace=trace) as pipeline:
        while pipeline.state in (PipelineState.OPENING, PipelineState.RUNNING):
            time.sleep(0.05)
        stats = pipeline.stats()
    note = f"{stats.num_windows} windows, {stats.num_dropped_windows} dropped"
    for quantile, value_ms in (("p50", stats.age.p50_ms), ("p95", stats.age.p95_ms)):
        yield Row(
            section="pipeline",
            name=f"{name} live, events to result, {quantile}",
            value=value_ms,
            unit="ms",
            baseline=windows.stride_us / 1e3 if windows.stride_us else None,
            note=f"to one stride; {note}",
        )


def _every(windows: WindowConfig) -> PipelineConfig:
    return PipelineConfig(windows=windows, keeps_every_scene=True, is_strict=True)


def _drain(pipeline: Pipeline) -> int:
    with pipeline:
        return sum(1 for _ in pipeline.scenes())
