from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from event_packets import random_window

from events.packet import EventPacket, SensorSize, empty_packet, pack_events
from events.representations.count_chunks import CountChunksSpec
from events.representations.count_map import CountMapSpec
from events.representations.letterbox import Letterbox
from events.representations.red_blue import STATISTICS, RedBlueSpec, published
from events.representations.representation import Spec, spec_kinds
from events.representations.voxel_grid import VoxelGridSpec
from events.representations.voxel_image import VoxelImageSpec
from models.representations.gridder import gridder_kinds, make_gridder
from models.representations.normalization import normalized
from models.representations.packed import NUM_HEADER_ROWS, pack

SENSOR = SensorSize(60, 45)
START_US = 10**15
DURATION_US = 50_000
CPU = torch.device("cpu")
NORMALIZATIONS = ("none", "nonzero_rms", "nonzero_mean_std")
QUANTIZATIONS = ("none", "truncate", "round")
INTERPOLATIONS = ("bilinear", "bilinear_antialias", "bicubic", "bicubic_antialias")
SPECS: list[Spec] = [
    *(
        VoxelGridSpec(
            num_bins=5, polarity=polarity, placement=placement, anchor=anchor, normalization=n
        )
        for polarity, placement, anchor, n in product(
            ("signed", "two_channel"), ("trailing", "closed"), ("window", "events"), NORMALIZATIONS
        )
    ),
    *(published(data_set) for data_set in STATISTICS),
    *(
        RedBlueSpec(percentile=50, quantization=quantization, interpolation=interpolation)
        for quantization, interpolation in product(QUANTIZATIONS, INTERPOLATIONS)
    ),
    *(
        VoxelImageSpec(
            encoding=encoding, quantization=quantization, placement=placement, anchor=anchor
        )
        for encoding, quantization, (placement, anchor) in product(
            ("min_max", "rms"), QUANTIZATIONS, (("closed", "events"), ("trailing", "window"))
        )
    ),
    *(
        CountMapSpec(form=form, num_events=num)
        for form, num in product(("release", "paper"), (None, 200))
    ),
    *(CountChunksSpec(num_chunks=7, normalization=n) for n in NORMALIZATIONS),
]


def packet_of(num_events: int, num_instants: int = DURATION_US) -> EventPacket:
    random = np.random.default_rng(0)
    events = pack_events(
        START_US + np.sort(random.integers(0, num_instants, num_events)),
        random.integers(0, SENSOR.width, num_events),
        random.integers(0, SENSOR.height, num_events),
        random.integers(0, 2, num_events),
    )
    return EventPacket(events, SENSOR, START_US, START_US + DURATION_US)


PACKETS = {
    "many": packet_of(3000),
    "one": packet_of(1),
    "one_instant": packet_of(50, num_instants=1),
    "none": empty_packet(SENSOR, START_US, START_US + DURATION_US),
}


def name_of(spec: Spec) -> str:
    return f"{type(spec).__name__}-{SPECS.index(spec)}"


@pytest.mark.parametrize("spec", SPECS, ids=name_of)
@pytest.mark.parametrize("size", [(30, 40), (45, 60), (50, 110)], ids=str)
def test_the_torch_twin_equals_the_definition(spec: Spec, size: tuple[int, int]) -> None:
    letterbox = Letterbox(SENSOR, *size)
    gridder = make_gridder(spec, letterbox, CPU)
    for name, packet in PACKETS.items():
        grid = gridder.grid(packet)
        assert grid.dtype == torch.float32
        assert grid.is_contiguous()
        expected = spec.network_input(packet, letterbox)
        np.testing.assert_allclose(grid.numpy(), expected, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("spec", SPECS, ids=name_of)
def test_columns_with_padding_give_the_same(spec: Spec) -> None:
    letterbox = Letterbox(SENSOR, 30, 40)
    gridder = make_gridder(spec, letterbox, CPU)
    for name, packet in PACKETS.items():
        columns = torch.full((4, 4096), -1, dtype=torch.int32)
        for row, values in zip(
            columns, (packet.t - START_US, packet.x, packet.y, packet.p), strict=True
        ):
            row[: len(packet)] = torch.from_numpy(values.astype(np.int32))
        before = columns.clone()
        grid = gridder(*columns, DURATION_US)
        assert torch.equal(columns, before)
        expected = spec.network_input(packet, letterbox)[None]
        np.testing.assert_allclose(grid.numpy(), expected, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("spec", SPECS, ids=name_of)
@pytest.mark.parametrize("size", [(30, 40), (50, 110)], ids=str)
def test_windows_together_have_the_grids_that_each_has_alone(
    spec: Spec, size: tuple[int, int]
) -> None:
    letterbox = Letterbox(SENSOR, *size)
    packets = [*PACKETS.values(), packet_of(40)]
    longest = max(len(packet) for packet in packets)
    rows = np.full((len(packets), NUM_HEADER_ROWS + longest, 2), -1, np.int64)
    for packet, out in zip(packets, rows, strict=True):
        pack(packet, out)
    grids = make_gridder(spec, letterbox, CPU).stacked(torch.from_numpy(rows))
    expected = np.stack([spec.network_input(packet, letterbox) for packet in packets])
    np.testing.assert_allclose(grids.numpy(), expected, rtol=1e-5, atol=1e-5)


def test_a_million_and_a_half_events_are_summed_as_the_definition_does() -> None:
    sensor = SensorSize(640, 480)
    packet, letterbox = random_window(1_500_000, sensor), Letterbox(sensor, 192, 256)
    for spec in (VoxelGridSpec(normalization="nonzero_rms"), RedBlueSpec()):
        grid = make_gridder(spec, letterbox, CPU).grid(packet)
        expected = spec.network_input(packet, letterbox)
        np.testing.assert_allclose(grid.numpy(), expected, rtol=1e-5, atol=1e-5)


def test_values_that_are_equal_but_for_rounding_count_as_equal() -> None:
    grid = torch.zeros(1, 64, 64)
    grid[0, :40, :33] = 0.1
    assert normalized(grid, "nonzero_mean_std").abs().max() < 1e-6
    grid[0, 0, 0] = 0.2
    assert normalized(grid, "nonzero_mean_std").abs().max() > 10


def test_a_window_that_int32_cannot_count_is_refused() -> None:
    gridder = make_gridder(VoxelGridSpec(num_bins=5), Letterbox(SENSOR, 30, 40), CPU)
    packet = empty_packet(SENSOR, 0, 430 * 10**6)
    with pytest.raises(ValueError, match=r"may last 429 s .* got 430 s: take shorter windows"):
        gridder.grid(packet)


def test_every_representation_has_a_twin_and_every_twin_is_tested() -> None:
    assert gridder_kinds() == spec_kinds()
    assert {type(spec).__module__.rpartition(".")[2] for spec in SPECS} == set(spec_kinds())


def test_a_packet_of_another_sensor_is_refused_on_any_device() -> None:
    gridder = make_gridder(CountMapSpec(), Letterbox(SensorSize(9, 9), 8, 8), CPU)
    with pytest.raises(ValueError, match="made for a 9x9 sensor, got a packet of 60x45"):
        gridder.grid(PACKETS["one"])
