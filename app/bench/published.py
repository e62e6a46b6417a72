"""What the representations of published encoders cost, beside the same in C and in numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from app.bench import published_baselines as baselines
from app.bench.representations import (
    DAVIS,
    SECTION,
    VGA,
    Calls,
    moving_edges,
    rate_rows,
    shuffled_ms,
)
from app.bench.row import Row
from app.bench.voxel_baselines import compile_c_loops
from events.packet import EventPacket
from events.representations import count_chunks, count_map, red_blue, voxel_image
from events.representations.letterbox import Letterbox
from events.representations.representation import Spec
from events.representations.resample import resample

COUNT_MAP = count_map.CountMapSpec()
COUNT_CHUNKS = count_chunks.published()
RED_BLUE = red_blue.published("dsec")
VOXEL_IMAGE = voxel_image.VoxelImageSpec(anchor="window")
SPECS: dict[str, Spec] = {
    "red_blue": RED_BLUE,
    "voxel_image": VOXEL_IMAGE,
    "count_map": COUNT_MAP,
    "count_chunks": COUNT_CHUNKS,
}
INPUT_SIZE = 224


def published_rows() -> Iterator[Row]:
    """Yield the throughput of each against each other way, warm and cold, at the sensor's size."""
    c_loops = baselines.compile_published_c_loops(compile_c_loops())
    for sensor in (DAVIS, VGA):
        for num_events in (10_000, 100_000, 1_000_000):
            packet = moving_edges(sensor, num_events, 50_000)
            # A million events fill the caches themselves.
            for is_cold in (False, True) if num_events < 1_000_000 else (False,):
                for kind in SPECS:
                    yield from _compared(kind, packet, c_loops, is_cold=is_cold)


def input_rows() -> Iterator[Row]:
    """Yield the cost of the network's input of each against that of the sensor's size."""
    for sensor in (DAVIS, VGA):
        packet = moving_edges(sensor, 100_000, 50_000)
        sizes = {
            "own": Letterbox(sensor, sensor.height, sensor.width),
            "input": Letterbox(sensor, INPUT_SIZE, INPUT_SIZE),
        }
        for kind, spec in SPECS.items():
            calls = {
                name: partial(
                    spec.network_input,
                    packet,
                    box,
                    np.empty((spec.num_channels, box.height, box.width), np.float32),
                )
                for name, box in sizes.items()
            }
            costs_ms = shuffled_ms(calls, is_cold=True)
            yield Row(
                section=SECTION,
                name=f"{kind} {INPUT_SIZE}x{INPUT_SIZE} from {sensor}, 100k events, cold",
                value=costs_ms["input"],
                unit="ms",
                baseline=costs_ms["own"],
                note="to that of the sensor's size",
            )


def resample_rows() -> Iterator[Row]:
    """Yield the cost of interpolating a colour image against torch's on one thread, cold."""
    import torch  # not before it is needed: it takes a second

    image = np.random.default_rng(0).random((3, VGA.height, VGA.width), np.float32)
    pixels = torch.from_numpy(image)[None]
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for size in ((168, 224), (960, 1280)):
        box, out = Letterbox(VGA, *size), np.empty((3, *size), np.float32)
        by_torch = partial(
            torch.nn.functional.interpolate, pixels, size, mode="bicubic", antialias=True
        )
        calls: dict[str, Callable[[], object]] = {
            "ours": partial(resample, image, box, "bicubic_antialias", out),
            "torch": by_torch,
        }
        costs_ms = shuffled_ms(calls, is_cold=True, num_rounds=9)
        yield Row(
            section=SECTION,
            name=f"bicubic {VGA} to {size[1]}x{size[0]}, antialiased, cold",
            value=costs_ms["ours"],
            unit="ms",
            baseline=costs_ms["torch"],
            note="to torch interpolate",
        )
    torch.set_num_threads(num_threads)


def _compared(
    kind: str,
    packet: EventPacket,
    c_loops: baselines.PublishedCLoops | None,
    *,
    is_cold: bool,
) -> Iterator[Row]:
    num_rounds = 11 if len(packet) <= 100_000 else 5
    costs_ms = shuffled_ms(_calls(kind, packet, c_loops), is_cold=is_cold, num_rounds=num_rounds)
    yield from rate_rows(kind, packet, costs_ms, is_cold=is_cold)


def _calls(kind: str, packet: EventPacket, c_loops: baselines.PublishedCLoops | None) -> Calls:
    sensor = packet.sensor
    out = np.empty((SPECS[kind].num_channels, sensor.height, sensor.width), np.float32)
    our_ways: dict[str, Callable[[], object]] = {
        "red_blue": lambda: red_blue.red_blue(packet, RED_BLUE, out),
        "voxel_image": lambda: voxel_image.voxel_image(packet, VOXEL_IMAGE, out),
        "count_map": lambda: count_map.count_map(packet, COUNT_MAP, out),
        "count_chunks": lambda: count_chunks.count_chunks(packet, COUNT_CHUNKS, out),
    }
    numpy_ways: dict[str, Callable[[], object]] = {
        "red_blue": lambda: baselines.add_at_red_blue(packet, RED_BLUE),
        "voxel_image": lambda: baselines.add_at_voxel_image(packet, VOXEL_IMAGE),
        "count_map": lambda: baselines.add_at_count_map(packet, COUNT_MAP),
        "count_chunks": lambda: baselines.add_at_count_chunks(packet, COUNT_CHUNKS.num_chunks),
    }
    calls: dict[str, Callable[[], object]] = {
        "ours": our_ways[kind],
        "np.add.at": numpy_ways[kind],
    }
    if c_loops is not None:
        c_ways: dict[str, Callable[[], object]] = {
            "red_blue": lambda: c_loops.red_blue(packet, RED_BLUE, out),
            "voxel_image": lambda: c_loops.voxel_image(packet, VOXEL_IMAGE, out),
            "count_map": lambda: c_loops.count_map(packet, out),
            "count_chunks": lambda: c_loops.count_chunks(packet, out),
        }
        calls["C loop"] = c_ways[kind]
    return calls


def rows() -> Iterator[Row]:
    """Yield all figures of the published representations, on one core."""
    yield from published_rows()
    yield from input_rows()
    yield from resample_rows()
