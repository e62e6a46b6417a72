from __future__ import annotations

import numpy as np
import pytest
import torch
from event_packets import random_window

from events.packet import EventPacket, SensorSize
from events.representations.letterbox import Letterbox
from events.representations.voxel_grid import VoxelGridSpec
from models.representations.gridder import make_gridder
from models.representations.packed import NUM_HEADER_ROWS, pack

SENSOR = SensorSize(60, 45)
LETTERBOX = Letterbox(SENSOR, 30, 40)


def test_a_packed_window_is_a_header_and_the_events_as_they_lie_in_memory() -> None:
    packet = random_window(7, SENSOR)
    rows = pack(packet)
    assert rows[:NUM_HEADER_ROWS].tolist() == [[packet.start_us, packet.duration_us], [7, 0]]
    assert np.array_equal(rows[NUM_HEADER_ROWS:], packet.words)


def test_what_an_earlier_window_left_behind_is_never_read() -> None:
    spec = VoxelGridSpec(normalization="nonzero_rms")
    gridder = make_gridder(spec, LETTERBOX, torch.device("cpu"))
    rows = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, (NUM_HEADER_ROWS + 500, 2))
    for num_events in (300, 1, 0):
        packet = random_window(num_events, SENSOR)
        grid = gridder.unpacked(torch.from_numpy(pack(packet, rows)))[0]
        expected = spec.network_input(packet, LETTERBOX)
        np.testing.assert_allclose(grid.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("start_us", [0, 2**31 - 20_000, 2**32 - 20_000, 10**15, -20_000])
def test_the_low_halves_of_times_are_enough(start_us: int) -> None:
    window = random_window(400, SENSOR)
    events = window.events.copy()
    events["t"] += start_us - window.start_us
    packet = EventPacket(events, SENSOR, start_us, start_us + window.duration_us)
    spec = VoxelGridSpec(anchor="events", placement="closed")
    grid = make_gridder(spec, LETTERBOX, torch.device("cpu")).grid(packet)
    np.testing.assert_allclose(grid.numpy(), spec.network_input(packet, LETTERBOX), atol=1e-5)
