from __future__ import annotations

from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from events.representations.voxel_grid import VoxelGridSpec
from models.memory_floor import floor_bytes

LETTERBOX = Letterbox(SensorSize(640, 480), 480, 640)


def test_the_floor_counts_events_zeros_touched_and_scaled_values() -> None:
    num_values = 5 * 480 * 640
    assert floor_bytes(VoxelGridSpec(), LETTERBOX, 0) == 4 * num_values
    assert floor_bytes(VoxelGridSpec(), LETTERBOX, 1000) == 4 * num_values + 32 * 1000
    scaled = VoxelGridSpec(normalization="nonzero_rms")
    assert floor_bytes(scaled, LETTERBOX, 0) == 16 * num_values


def test_a_value_that_many_events_touch_is_read_and_written_once() -> None:
    num_values = 5 * 480 * 640
    assert floor_bytes(VoxelGridSpec(), LETTERBOX, 10**7) == 16 * 10**7 + 12 * num_values
