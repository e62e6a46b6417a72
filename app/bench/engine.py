"""An engine's latency by provider and threads, alone and beside a busy core; then its decoding."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from app.bench.row import Row, alternating_ms
from app.bench.streams import SENSOR, random_packet
from app.engines import load_engine, usable_providers
from events.representations.letterbox import Letterbox
from export.backends import onnxruntime
from export.backends.backend import Engine
from export.onnx_card import read_card
from export.providers.cpu import Config
from models.decode import decode

NUM_EVENTS = 50_000
NUM_ROUNDS = 30
BASELINE = "CPU, 1 thread"
TWO_THREADS = {
    "CPU, 2 threads": Config(num_threads=2),
    "CPU, 2 threads, spinning": Config(num_threads=2, spins=True),
    "CPU, 2 threads, work cut once": Config(num_threads=2, dynamic_block_base=0),
    "CPU, 2 threads, no arena": Config(num_threads=2, has_arena=False),
}
"""What was decided in export/providers/cpu.py, and what else it could be."""


def rows(engine_path: Path) -> Iterator[Row]:
    """Yield the median latency of one window for each way to run the engine here."""
    engines = _engines(engine_path)
    first = engines[BASELINE]
    card = first.card
    letterbox = Letterbox(SENSOR, card.input_height, card.input_width)
    grid = card.spec.network_input(random_packet(NUM_EVENTS, card.window_us), letterbox).copy()
    calls = {
        name: partial(engine.run, grid, engine.new_memory()) for name, engine in engines.items()
    }
    for place, neighbour in (("", contextlib.nullcontext()), (", beside a busy core", _busy())):
        with neighbour:
            latency_ms = alternating_ms(calls, num_rounds=NUM_ROUNDS)  # type: ignore[arg-type]
        for name, value_ms in latency_ms.items():
            yield Row(
                section="engine",
                name=f"{card.title} on {name}{place}",
                value=value_ms,
                unit="ms",
                baseline=None if name == BASELINE else latency_ms[BASELINE],
            )
    outputs = {task: np.array(output) for task, output in first.run(grid).items()}
    decode_ms = alternating_ms(
        {"decode": lambda: decode(card, outputs, letterbox), "network": lambda: first.run(grid)},
        num_rounds=NUM_ROUNDS,
    )
    yield Row(
        section="engine",
        name=f"decode to {SENSOR}",
        value=decode_ms["decode"],
        unit="ms",
        baseline=decode_ms["network"],
        note="to the network on 1 thread",
    )


def _engines(path: Path) -> dict[str, Engine]:
    """Return the engine in every way that runs here."""
    configs = {BASELINE: Config(num_threads=1)}
    if (os.cpu_count() or 1) > 1:
        configs |= TWO_THREADS
    engines: dict[str, Engine] = {
        name: onnxruntime.load(path, provider="cpu", config=config)
        for name, config in configs.items()
    }
    for provider in usable_providers(read_card(path)):
        if provider != "cpu":
            engine = load_engine(path, provider)
            engines[engine.provider] = engine
    return engines


@contextlib.contextmanager
def _busy() -> Iterator[None]:
    """Keep one core busy meanwhile, as reading and drawing do."""
    stopping = threading.Event()

    def work() -> None:
        values = np.random.default_rng(0).random(100_000)
        while not stopping.is_set():
            np.sort(values)  # releases the GIL, as the engine does

    thread = threading.Thread(target=work, name="saccade-bench-neighbour")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
