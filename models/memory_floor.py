"""The least traffic with a device's memory that making a voxel grid of raw events needs."""

from __future__ import annotations

from events.representations.letterbox import Letterbox
from events.representations.voxel_grid import VoxelGridSpec

EVENT_BYTES, VALUE_BYTES = 16, 4


def floor_bytes(spec: VoxelGridSpec, letterbox: Letterbox, num_events: int) -> int:
    """Return the bytes that any way must move.

    16 to read an event; 4 to write the zero of each of C H W values; 8 to read and write each value
    that an event touches, 2 of them at most, once if a cache holds it from then on; normalised, 4
    to read each value for the sums, which must be known before the 8 that scale it.
    """
    num_values = spec.num_channels * letterbox.height * letterbox.width
    num_touched = min(2 * num_events, num_values)
    per_value = VALUE_BYTES * (1 if spec.normalization == "none" else 4)
    return EVENT_BYTES * num_events + 2 * VALUE_BYTES * num_touched + per_value * num_values
