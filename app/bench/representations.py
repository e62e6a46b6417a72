"""What representations cost: voxel grids, normalisation, the ring, the way to the network and back.

``python -m app.bench.representations`` prints the figures alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from app.bench.row import Row
from app.bench.voxel_baselines import (
    CLoops,
    Grid,
    add_at_grid,
    compile_c_loops,
    index_add_grid,
)
from events.packet import EventPacket, SensorSize, pack_events
from events.representations.letterbox import Letterbox
from events.representations.normalization import normalize
from events.representations.sliding import SlidingGrid
from events.representations.voxel_grid import VoxelGridSpec, voxel_grid

SECTION = "representations"
DAVIS, VGA = SensorSize(346, 260), SensorSize(640, 480)
START_US = 10**15
"""As large as a camera's clock."""
COLD_BYTES = 64 << 20
"""Streamed between calls, as a network's pass does: nothing of ours is left in the caches."""

Calls = Mapping[str, Callable[[], object]]


def moving_edges(
    sensor: SensorSize, num_events: int, duration_us: int, *, num_edges: int = 40, seed: int = 0
) -> EventPacket:
    """Return events of straight edges on the move and 15 % noise: crowded as in a real scene."""
    random = np.random.default_rng(seed)
    t = np.sort(random.integers(0, duration_us, num_events))
    edge = random.integers(0, num_edges, num_events)
    size = np.array([[sensor.width], [sensor.height]])
    centre = random.uniform(0, 1, (2, num_edges)) * size
    angle = random.uniform(0, 2 * np.pi, num_edges)
    reach = random.uniform(20, 120, num_edges) * np.stack([np.cos(angle), np.sin(angle)])
    speed_px_per_us = random.uniform(-4e-4, 4e-4, (2, num_edges))
    place = centre[:, edge] + reach[:, edge] * random.uniform(-1, 1, num_events)
    place += speed_px_per_us[:, edge] * t + random.normal(0, 0.7, (2, num_events))
    is_noise = random.random(num_events) < 0.15
    place = np.where(is_noise, random.uniform(0, 1, (2, num_events)) * size, place) % size
    x, y = np.minimum(place, size - 1).astype(np.uint16)
    events = pack_events(t + START_US, x, y, random.integers(0, 2, num_events))
    return EventPacket(events, sensor, START_US, START_US + duration_us)


def shuffled_ms(calls: Calls, *, is_cold: bool, num_rounds: int = 25) -> dict[str, float]:
    """Return the median milliseconds of each call, in another order in each round.

    Warm calls come right after one that does not count, cold ones after ``COLD_BYTES`` of reading.
    """
    random = np.random.default_rng(0)
    others = np.ones(COLD_BYTES, np.uint8)
    names = list(calls)
    for call in calls.values():
        call()  # compiles
    durations: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(num_rounds):
        for i in random.permutation(len(names)):
            call = calls[names[i]]
            if is_cold:
                others.sum()
            else:
                call()
            started_s = time.perf_counter()
            call()
            durations[names[i]].append(1e3 * (time.perf_counter() - started_s))
    return {name: float(np.median(values)) for name, values in durations.items()}


def voxel_grid_rows(c_loops: CLoops | None) -> Iterator[Row]:
    """Yield the throughput of our kernel against each other way, warm and cold."""
    spec = VoxelGridSpec(num_bins=5, placement="closed")
    for sensor in (DAVIS, VGA):
        for num_events in (10_000, 100_000, 1_000_000):
            packet = moving_edges(sensor, num_events, 50_000)
            grid = np.empty((5, sensor.height, sensor.width), np.float32)
            for is_cold in (False, True):
                calls = _voxel_calls(packet, spec, grid, c_loops)
                num_rounds = 15 if num_events <= 100_000 else 9
                costs_ms = shuffled_ms(calls, is_cold=is_cold, num_rounds=num_rounds)
                yield from rate_rows("voxel grid", packet, costs_ms, is_cold=is_cold)


def rate_rows(
    kind: str, packet: EventPacket, costs_ms: dict[str, float], *, is_cold: bool
) -> Iterator[Row]:
    """Yield how many events of ``packet`` our way takes a second against each other way."""
    rates = {name: len(packet) * 1e-3 / cost_ms for name, cost_ms in costs_ms.items()}
    ours, state = rates.pop("ours"), "cold" if is_cold else "warm"
    for name, rate in rates.items():
        yield Row(
            section=SECTION,
            name=f"{kind} {packet.sensor}, {len(packet) // 1000}k events, {state}",
            value=ours,
            unit="Mev/s",
            baseline=rate,
            is_higher_better=True,
            note=f"to {name}",
        )


def _voxel_calls(
    packet: EventPacket, spec: VoxelGridSpec, grid: Grid, c_loops: CLoops | None
) -> Calls:
    calls: dict[str, Callable[[], object]] = {
        "ours": lambda: voxel_grid(packet, spec, out=grid),
        "np.add.at": lambda: add_at_grid(packet, spec.num_bins),
        "np.add.at, mixed types": lambda: add_at_grid(packet, spec.num_bins, dtype=np.float64),
        "torch index_add_": lambda: index_add_grid(packet, spec.num_bins),
    }
    if c_loops is not None:
        calls["sorted C loop"] = lambda: c_loops.voxel_grid(packet, grid)
    return calls


def normalization_rows(c_loops: CLoops | None) -> Iterator[Row]:
    """Yield the cost of normalising against reading a grid once and rewriting it once."""
    for sensor in (SensorSize(256, 192), VGA):
        packet = moving_edges(sensor, 100_000, 50_000)
        values = voxel_grid(packet, VoxelGridSpec()).reshape(-1)
        for is_cold in (False, True):
            calls: dict[str, Callable[[], object]] = {
                "nonzero_rms": partial(normalize, values, "nonzero_rms"),
                "nonzero_mean_std": partial(normalize, values, "nonzero_mean_std"),
            }
            if c_loops is not None:
                calls["floor"] = partial(c_loops.touch, values)
            costs_ms = shuffled_ms(calls, is_cold=is_cold)
            state = "cold" if is_cold else "warm"
            floor_ms = costs_ms.pop("floor", None)
            for name, value_ms in costs_ms.items():
                yield Row(
                    section=SECTION,
                    name=f"{name} 5x{sensor.height}x{sensor.width}, {state}",
                    value=value_ms,
                    unit="ms",
                    baseline=floor_ms,
                    note="to the floor of memory bandwidth",
                )


def ring_rows() -> Iterator[Row]:
    """Yield the cost of a window from the ring against one from scratch, 11 bins."""
    num_bins, bin_us = 11, 5_000
    for sensor, rate in ((DAVIS, 1.0), (VGA, 3.5)):
        for normalization in ("none", "nonzero_rms"):
            spec = VoxelGridSpec(num_bins=num_bins, normalization=normalization)
            for stride in (11, 5, 3, 1):
                ring_ms, scratch_ms = _ring_ms(sensor, rate, spec, bin_us, stride)
                yield Row(
                    section=SECTION,
                    name=f"ring {sensor}, {rate} Mev/s, overlap {num_bins / stride:.1f}, "
                    f"{normalization}",
                    value=ring_ms,
                    unit="ms",
                    baseline=scratch_ms,
                    note="to from scratch",
                )


def _ring_ms(
    sensor: SensorSize, rate: float, spec: VoxelGridSpec, bin_us: int, stride: int
) -> tuple[float, float]:
    """Return the median milliseconds of ring and scratch, each first in every other window."""
    window_us = spec.num_bins * bin_us
    num_windows = 40
    duration_us = window_us + num_windows * stride * bin_us
    stream = moving_edges(sensor, int(rate * duration_us), duration_us)
    letterbox = Letterbox(sensor, 192, 256)
    sliding = SlidingGrid(spec, letterbox, window_us)
    out = np.empty((spec.num_channels, 192, 256), np.float32)
    durations: dict[str, list[float]] = {"ring": [], "scratch": []}
    for number in range(num_windows):
        start_us = START_US + number * stride * bin_us
        window = stream.between(start_us, start_us + window_us)
        order = ("ring", "scratch") if number % 2 else ("scratch", "ring")
        for name in order:
            started_s = time.perf_counter()
            if name == "ring":
                sliding.grid(window)
            else:
                spec.network_input(window, letterbox, out)
            durations[name].append(1e3 * (time.perf_counter() - started_s))
    ring_ms, scratch_ms = (float(np.median(values[4:])) for values in durations.values())
    return ring_ms, scratch_ms


def letterbox_rows() -> Iterator[Row]:
    """Yield the way into the network against a grid of the sensor's size, and the way back."""
    spec = VoxelGridSpec()
    for sensor in (DAVIS, VGA):
        packet = moving_edges(sensor, 100_000, 50_000)
        letterbox = Letterbox(sensor, 192, 256)
        full = np.empty((5, sensor.height, sensor.width), np.float32)
        small = np.empty((5, 192, 256), np.float32)
        costs_ms = shuffled_ms(
            {
                "full": partial(voxel_grid, packet, spec, full),
                "direct": partial(spec.network_input, packet, letterbox, small),
            },
            is_cold=True,
        )
        yield Row(
            section=SECTION,
            name=f"straight into 256x192 from {sensor}, 100k events, cold",
            value=costs_ms["direct"],
            unit="ms",
            baseline=costs_ms["full"],
            note="to a grid of the sensor's size, not yet resized",
        )
        random = np.random.default_rng(0)
        logits, depth = random.normal(size=(21, 48, 64)).astype(np.float32), np.ones((48, 64))
        back_ms = shuffled_ms(
            {
                "21 random classes": partial(letterbox.to_sensor_classes, logits),
                "depth": partial(letterbox.to_sensor_image, depth.astype(np.float32)),
            },
            is_cold=True,
        )
        for name, value_ms in back_ms.items():
            name = f"{name} 64x48 back to {sensor}, cold"
            yield Row(section=SECTION, name=name, value=value_ms, unit="ms")


def rows() -> Iterator[Row]:
    """Yield all figures of this section, on one core; those against C only where gcc is."""
    import torch  # not before it is needed: it takes a second

    c_loops = compile_c_loops()
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from voxel_grid_rows(c_loops)
    finally:
        torch.set_num_threads(num_threads)
    yield from normalization_rows(c_loops)
    yield from ring_rows()
    yield from letterbox_rows()


def main() -> None:
    """Print the rows."""
    for row in rows():
        ratio = "" if row.ratio is None else f"{row.ratio:6.2f}x {row.note}"
        print(f"{row.name:58} {row.value:9.3f} {row.unit:6} {ratio}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
