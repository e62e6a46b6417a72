"""From raw events on the host to decoded predictions there: each way that starts, on a GPU.

Windows are of a 640 x 480 sensor: "50k" has so many events. The rows of the representation alone
have their floor as baseline, so that 0.5x is twice the floor: see ``floor_bytes``.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from app.bench.gpu_ways import Way, all_ways, torch_path
from app.bench.row import Row, durations_ms
from app.bench.streams import random_packet
from app.engines import default_engine_path
from events.packet import EventPacket, SensorSize
from events.representations.letterbox import Letterbox
from events.representations.voxel_grid import VoxelGridSpec
from export.device_path import DevicePath
from export.onnx_card import read_card
from models.card import ModelCard
from models.encoders import vit
from models.memory_floor import floor_bytes
from models.model_file import load_model
from models.perception import Perception, describe_encoder
from models.representations.gridder import make_gridder
from models.representations.packed import pack

SENSOR = SensorSize(640, 480)
NUM_EVENTS = (50_000, 500_000)
NUM_ROUNDS, NUM_ROUNDS_CPU, NUM_WARM_UPS = 300, 3, 10
NUM_REPEATS = 100
COPY_BYTES = 2**28


def rows(engine_path: Path, *, needs_gpu: bool = True) -> Iterator[Row]:
    """Yield the GPU's table, for the engine's network and a random ViT-S/16 of 640 x 480.

    Args:
        engine_path: Its network, with its weights where its model file lies beside it.
        needs_gpu: Whether there are no rows without a GPU; else its paths run on the CPU.
    """
    has_cuda = torch.cuda.is_available()
    if needs_gpu and not has_cuda:
        return
    device = torch.device("cuda" if has_cuda else "cpu")
    module, card = network_of(engine_path)
    yield from _network_rows(module, card, device)
    if has_cuda:
        yield from _network_rows(*small_vit(), device)
        yield from _representation_rows(card.spec, Letterbox(SENSOR, SENSOR.height, SENSOR.width))


def network_of(engine_path: Path) -> tuple[nn.Module, ModelCard]:
    """Return an engine's network in torch; speed does not depend on its weights."""
    model_path = engine_path.with_suffix(".safetensors")
    if model_path.is_file():
        return load_model(model_path)
    card = read_card(engine_path)
    return Perception(card).eval(), card


def small_vit() -> tuple[nn.Module, ModelCard]:
    """Return a random ViT-S/16 at 640 x 480 with the heads of the engine that ships."""
    torch.manual_seed(0)
    card = dataclasses.replace(
        read_card(default_engine_path()),
        name="ViT-S/16",
        encoder=describe_encoder(vit.small()),
        input_width=SENSOR.width,
        input_height=SENSOR.height,
    )
    return Perception(card).eval(), card


def _network_rows(module: nn.Module, card: ModelCard, device: torch.device) -> Iterator[Row]:
    ways = all_ways(module, card, SENSOR, device)
    for num_events in NUM_EVENTS if device.type == "cuda" else NUM_EVENTS[:1]:
        packet = random_packet(num_events, card.window_us, sensor=SENSOR)
        yield from _way_rows(f"{card.name}, {num_events // 1000}k", ways, packet, device)
    if device.type == "cuda":
        yield _stream_row(card.name, torch_path(module, card, SENSOR, device), card.window_us)


def _way_rows(
    name: str, ways: dict[str, Way], packet: EventPacket, device: torch.device
) -> Iterator[Row]:
    """Yield the median and the 99th percentile of each way, taken in turns."""
    is_gpu = device.type == "cuda"
    calls: dict[str, Callable[[], object]] = {
        way: lambda answer=answer: answer(packet)  # type: ignore[misc]
        for way, answer in ways.items()
    }
    found = durations_ms(
        calls,
        num_rounds=NUM_ROUNDS if is_gpu else NUM_ROUNDS_CPU,
        num_warm_ups=NUM_WARM_UPS if is_gpu else 1,
    )
    naive_ms = float(np.median(next(iter(found.values()))))
    for number, (way, values) in enumerate(found.items()):
        yield Row(
            section="gpu",
            name=f"{name}: {way}, p50",
            value=float(np.median(values)),
            unit="ms",
            baseline=naive_ms if number else None,
            note="" if number else "numpy grid, torch eager fp32, decoded on the host",
        )
        yield Row(
            section="gpu",
            name=f"{name}: {way}, p99",
            value=float(np.percentile(values, 99)),
            unit="ms",
        )


def _stream_row(name: str, path: DevicePath, window_us: int) -> Row:
    """Return the time of a window where the next one travels under its inference."""
    packet = random_packet(NUM_EVENTS[-1], window_us, sensor=SENSOR)
    staged, started_s = path.stage(packet), 0.0
    for number in range(NUM_WARM_UPS + NUM_ROUNDS):
        if number == NUM_WARM_UPS:
            started_s = time.perf_counter()
        ahead = path.stage(packet)
        path.run(staged)
        staged = ahead
    duration_s = time.perf_counter() - started_s
    return Row(
        section="gpu",
        name=f"{name}, {NUM_EVENTS[-1] // 1000}k: torch, staged ahead",
        value=1e3 * duration_s / NUM_ROUNDS,
        unit="ms/window",
    )


def _representation_rows(spec: object, letterbox: Letterbox) -> Iterator[Row]:
    """Yield the time of the grid alone, on the GPU, over its floor of memory traffic."""
    assert isinstance(spec, VoxelGridSpec)
    device = torch.device("cuda")
    block, other = torch.empty(2, COPY_BYTES, dtype=torch.uint8, device=device)
    bytes_per_ms = 2 * COPY_BYTES / device_ms(lambda _: other.copy_(block))
    gridder = make_gridder(spec, letterbox, device)
    for num_events in (*NUM_EVENTS, 4 * NUM_EVENTS[-1]):
        packed = pack(random_packet(num_events, 50_000, sensor=letterbox.sensor))
        # So many copies that none is left in a cache when its turn comes again.
        copies = [
            torch.from_numpy(packed).to(device) for _ in range(1 + COPY_BYTES // packed.nbytes)
        ]
        taken_ms = device_ms(lambda i, copies=copies: gridder.unpacked(copies[i % len(copies)]))  # type: ignore[misc]
        num_bytes = floor_bytes(spec, letterbox, num_events)
        floor_us = 1e3 * num_bytes / bytes_per_ms
        yield Row(
            section="gpu",
            name=f"voxel grid of {num_events // 1000}k events, {letterbox.sensor}",
            value=1e3 * taken_ms,
            unit="us",
            baseline=floor_us,
            note=f"of the floor, {num_bytes / 1e6:.1f} MB at {bytes_per_ms / 1e6:.0f} GB/s"
            f"{'' if gridder.is_fused else '; without Triton'}",
        )


def device_ms(work: Callable[[int], object]) -> float:
    """Return the GPU's median milliseconds for ``work``, called by number in one CUDA graph."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    with torch.cuda.stream(stream), torch.inference_mode():
        work(0)  # compiles
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            for number in range(NUM_REPEATS):
                work(number)
        found = []
        for _ in range(NUM_WARM_UPS + 10):
            before = stream.record_event(torch.cuda.Event(enable_timing=True))  # type: ignore[no-untyped-call]
            graph.replay()
            after = stream.record_event(torch.cuda.Event(enable_timing=True))  # type: ignore[no-untyped-call]
            after.synchronize()
            found.append(before.elapsed_time(after) / NUM_REPEATS)
    return float(np.median(found[NUM_WARM_UPS:]))
