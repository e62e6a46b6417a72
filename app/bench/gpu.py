"""The on-GPU path: from events to outputs without leaving the device; nothing without CUDA."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

from app.bench.row import Row, alternating_ms
from app.bench.streams import SENSOR, random_packet
from events.packet import EventPacket
from events.representations.letterbox import Letterbox
from export.backends import onnxruntime

NUM_EVENTS = (50_000, 500_000)
NUM_ROUNDS = 50


def rows(engine_path: Path) -> Iterator[Row]:
    """Yield the time of one window from events in host memory to outputs there."""
    engine = onnxruntime.load(engine_path, provider="cuda")
    if engine.provider != "CUDA" or importlib.util.find_spec("torch") is None:
        return
    import torch

    from models.representations.gridder import make_gridder

    if not torch.cuda.is_available():
        return
    card = engine.card
    letterbox = Letterbox(SENSOR, card.input_height, card.input_width)
    gridder = make_gridder(card.spec, letterbox, torch.device("cuda"))
    for num_events in NUM_EVENTS:
        packet = random_packet(num_events, card.window_us)

        def on_host(packet: EventPacket = packet) -> None:
            engine.run(card.spec.network_input(packet, letterbox))

        def on_device(packet: EventPacket = packet) -> None:
            grid = gridder.grid(packet)
            torch.cuda.current_stream().synchronize()  # ONNX Runtime has a stream of its own
            engine.run_on_device(grid.data_ptr())

        yield from _compared(num_events, on_host, on_device)


def _compared(
    num_events: int, on_host: Callable[[], None], on_device: Callable[[], None]
) -> Iterator[Row]:
    """Yield the two ways of one window, taken in turns."""
    cost_ms = alternating_ms({"host": on_host, "device": on_device}, num_rounds=NUM_ROUNDS)
    name = f"window of {num_events:,} events"
    yield Row(section="gpu", name=f"{name}, grid on the CPU", value=cost_ms["host"], unit="ms")
    yield Row(
        section="gpu",
        name=f"{name}, all on the GPU",
        value=cost_ms["device"],
        unit="ms",
        baseline=cost_ms["host"],
        note="to the grid made on the CPU",
    )
