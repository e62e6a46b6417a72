from __future__ import annotations

import time
from pathlib import Path

import psutil
from wrapped_engine import WrappedEngine

from app.bench.streams import RandomSource
from app.engines import load_engine
from app.pipeline import Pipeline
from app.scene import PipelineState

RATE, DURATION_S = 10e6, 1.5
NUM_BYTES = RATE * DURATION_S * 16
MAX_GROWTH = NUM_BYTES / 3
"""Far less than what passes: nothing piles up."""


class SlowEngine(WrappedEngine):
    """A real engine that needs ten times as long as the stream gives it."""

    def before_run(self) -> None:
        time.sleep(0.2)


def test_memory_stays_flat_while_inference_is_slower_than_the_stream(tiny_engine: Path) -> None:
    process = psutil.Process()
    engine = SlowEngine(load_engine(tiny_engine, "cpu"))
    source = RandomSource(RATE, DURATION_S, is_live=True)
    newest_us, peak = 0, 0
    with Pipeline(source, engine) as pipeline:
        while pipeline.stats().clock_us < 300_000:
            time.sleep(0.01)
        before = process.memory_info().rss
        while pipeline.state is PipelineState.RUNNING:
            scene = pipeline.take_scene(0.02)
            if scene is not None:
                assert scene.packet.end_us > newest_us
                newest_us = scene.packet.end_us
            peak = max(peak, process.memory_info().rss)
        stats = pipeline.stats()
    assert stats.num_dropped_windows > stats.num_windows > 2
    assert peak - before < MAX_GROWTH
