from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import psutil

from app.bench.streams import RandomSource
from app.engines import load_engine
from app.pipeline import Pipeline
from app.scene import PipelineState
from export.backends.backend import Engine, Outputs
from models.card import ModelCard

RATE, DURATION_S = 10e6, 1.5
NUM_BYTES = RATE * DURATION_S * 16
MAX_GROWTH = NUM_BYTES / 3
"""Far less than what passes: nothing piles up."""


class SlowEngine:
    """A real engine that is ten times slower than the stream."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def card(self) -> ModelCard:
        return self._engine.card

    @property
    def provider(self) -> str:
        return self._engine.provider

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def run(self, grid: np.ndarray) -> Outputs:
        time.sleep(0.2)
        return self._engine.run(grid)

    def close(self) -> None:
        pass


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
