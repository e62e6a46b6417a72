"""An engine's latency by provider and threads, and of decoding its outputs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from app.bench.row import Row, alternating_ms
from app.bench.streams import SENSOR, random_packet
from events.representations.letterbox import Letterbox
from export.backends import onnxruntime
from models.decode import decode

NUM_EVENTS = 50_000


def rows(engine_path: Path) -> Iterator[Row]:
    """Yield the median latency of one window for each way to run the engine here."""
    engines = {"CPU, 1 thread": onnxruntime.load(engine_path, provider="cpu", num_threads=1)}
    if (os.cpu_count() or 1) > 1:
        engines["CPU, 2 threads"] = onnxruntime.load(engine_path, provider="cpu", num_threads=2)
    for provider in ("cuda", "tensorrt"):
        engine = onnxruntime.load(engine_path, provider=provider)
        if not engine.notes:
            engines[engine.provider] = engine
    first = next(iter(engines.values()))
    card = first.card
    letterbox = Letterbox(SENSOR, card.input_height, card.input_width)
    grid = card.spec.network_input(random_packet(NUM_EVENTS, card.window_us), letterbox).copy()
    latency_ms = alternating_ms(
        {name: partial(engine.run, grid, engine.new_memory()) for name, engine in engines.items()},
        num_rounds=30,
    )
    baseline_ms = latency_ms["CPU, 1 thread"]
    for name, value_ms in latency_ms.items():
        yield Row(
            section="engine",
            name=f"{card.name} on {name}",
            value=value_ms,
            unit="ms",
            baseline=None if name == "CPU, 1 thread" else baseline_ms,
        )
    outputs = {task: np.array(output) for task, output in first.run(grid).items()}
    decode_ms = alternating_ms({"decode": lambda: decode(card, outputs, letterbox)}, num_rounds=30)
    yield Row(
        section="engine",
        name=f"decode to {SENSOR}",
        value=decode_ms["decode"],
        unit="ms",
        baseline=baseline_ms,
        note="to the network on 1 thread",
    )
