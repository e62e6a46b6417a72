from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from events.packet import EventPacket, SensorSize, empty_packet, pack_events
from events.representations.letterbox import Letterbox
from events.representations.voxel_grid import VoxelGridSpec
from models.representations.voxel_grid import EventGridder

SENSOR = SensorSize(60, 45)
START_US = 10**15
CPU = torch.device("cpu")
SPECS = [
    VoxelGridSpec(
        num_bins=5, polarity=polarity, placement=placement, anchor=anchor, normalization=n
    )
    for polarity, placement, anchor, n in product(
        ("signed", "two_channel"),
        ("trailing", "closed"),
        ("window", "events"),
        ("none", "nonzero_rms", "nonzero_mean_std"),
    )
]


def packet_of(num_events: int) -> EventPacket:
    random = np.random.default_rng(0)
    events = pack_events(
        START_US + np.sort(random.integers(0, 50_000, num_events)),
        random.integers(0, SENSOR.width, num_events),
        random.integers(0, SENSOR.height, num_events),
        random.integers(0, 2, num_events),
    )
    return EventPacket(events, SENSOR, START_US, START_US + 50_000)


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("size", [(30, 40), (96, 128)], ids=["smaller", "larger"])
def test_the_torch_twin_equals_the_definition(spec: VoxelGridSpec, size: tuple[int, int]) -> None:
    letterbox = Letterbox(SENSOR, *size)
    gridder = EventGridder(spec, letterbox, CPU)
    for packet in (
        packet_of(3000),
        packet_of(1),
        empty_packet(SENSOR, START_US, START_US + 50_000),
    ):
        grid = gridder.grid(packet)
        assert grid.dtype == torch.float32
        np.testing.assert_allclose(
            grid.numpy(), spec.network_input(packet, letterbox), rtol=1e-4, atol=1e-5
        )
