from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from events.packet import EventPacket, SensorSize, empty_packet, pack_events
from events.representations.count_chunks import CountChunksSpec
from events.representations.count_map import CountMapSpec
from events.representations.letterbox import Letterbox
from events.representations.red_blue import STATISTICS, RedBlueSpec, published
from events.representations.representation import Spec, spec_kinds
from events.representations.voxel_grid import VoxelGridSpec
from events.representations.voxel_image import VoxelImageSpec
from models.representations.gridder import gridder_kinds, make_gridder
from models.representations.packed_events import pack

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
@pytest.mark.parametrize("size", [(30, 40), (50, 110)], ids=str)
def test_windows_together_have_the_grids_that_each_has_alone(
    spec: Spec, size: tuple[int, int]
) -> None:
    letterbox = Letterbox(SENSOR, *size)
    packets = [*PACKETS.values(), packet_of(40)]
    grids = make_gridder(spec, letterbox, CPU).grids(pack(packets))
    expected = np.stack([spec.network_input(packet, letterbox) for packet in packets])
    np.testing.assert_allclose(grids.numpy(), expected, rtol=1e-5, atol=1e-5)


def test_packed_events_are_those_of_the_packets() -> None:
    sensor = SensorSize(32768, 32768)
    start_us = 10**15
    corners = pack_events([start_us, start_us + 2**31 - 2], [0, 32767], [32767, 0], [1, 0])
    whole = EventPacket(corners, sensor, start_us, start_us + 2**31 - 1)
    packed = pack([whole, empty_packet(sensor, 0, 7)])
    assert packed.num_events == (2, 0)
    assert packed.durations_us == (2**31 - 1, 7)
    x, is_on, y = (
        packed.words[:, 1] & 0x7FFF,
        packed.words[:, 1] >> 15 & 1,
        packed.words[:, 1] >> 16,
    )
    assert packed.words[:, 0].tolist() == [0, 2**31 - 2]
    assert (x.tolist(), y.tolist(), is_on.tolist()) == ([0, 32767], [32767, 0], [1, 0])


def test_windows_that_cannot_be_packed_are_refused() -> None:
    with pytest.raises(ValueError, match="of one sensor are packed together"):
        pack([empty_packet(SENSOR, 0, 1), empty_packet(SensorSize(2, 2), 0, 1)])
    with pytest.raises(ValueError, match="must not last more than 2147483647 us, got 2147483648"):
        pack([empty_packet(SENSOR, 0, 2**31)])


def test_every_representation_has_a_twin_and_every_twin_is_tested() -> None:
    assert gridder_kinds() == spec_kinds()
    assert {type(spec).__module__.rpartition(".")[2] for spec in SPECS} == set(spec_kinds())


def test_a_packet_of_another_sensor_is_refused_on_any_device() -> None:
    gridder = make_gridder(CountMapSpec(), Letterbox(SensorSize(9, 9), 8, 8), CPU)
    with pytest.raises(ValueError, match="made for a 9x9 sensor, got a packet of 60x45"):
        gridder.grid(PACKETS["one"])
