from __future__ import annotations

import numpy as np
import pytest

from app.bench.representations import DAVIS, moving_edges
from app.bench.voxel_baselines import add_at_grid, compile_c_loops, index_add_grid
from events.representations.voxel_grid import VoxelGridSpec, voxel_grid_reference

PACKET = moving_edges(DAVIS, 5_000, 50_000)
EXPECTED = voxel_grid_reference(PACKET, VoxelGridSpec(placement="closed"))


def test_the_c_loop_makes_the_same_grid() -> None:
    c_loops = compile_c_loops()
    if c_loops is None:
        pytest.skip("no gcc on this machine")
    grid = np.full((5, 260, 346), np.nan, np.float32)
    np.testing.assert_allclose(c_loops.voxel_grid(PACKET, grid), EXPECTED, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_add_at_makes_the_same_grid(dtype: type) -> None:
    np.testing.assert_allclose(add_at_grid(PACKET, 5, dtype=dtype), EXPECTED, atol=1e-5)


def test_index_add_makes_the_same_grid() -> None:
    np.testing.assert_allclose(index_add_grid(PACKET, 5), EXPECTED, atol=1e-5)


def test_the_stream_is_sorted_and_on_the_sensor() -> None:
    assert (np.diff(PACKET.t) >= 0).all()
    assert PACKET.start_us <= PACKET.t[0] <= PACKET.t[-1] < PACKET.end_us
    assert int(PACKET.x.max()) < 346
    assert int(PACKET.y.max()) < 260
