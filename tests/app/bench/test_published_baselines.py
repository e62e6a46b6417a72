from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from app.bench import published
from app.bench import published_baselines as baselines
from app.bench.representations import DAVIS, moving_edges
from app.bench.voxel_baselines import compile_c_loops

PACKET = moving_edges(DAVIS, 5_000, 50_000)
KINDS = sorted(published.SPECS)
NUMPY_WAYS: dict[str, Callable[[], np.ndarray]] = {
    "red_blue": lambda: baselines.add_at_red_blue(PACKET, published.RED_BLUE),
    "voxel_image": lambda: baselines.add_at_voxel_image(PACKET, published.VOXEL_IMAGE),
    "count_map": lambda: baselines.add_at_count_map(PACKET, published.COUNT_MAP),
    "count_chunks": lambda: baselines.add_at_count_chunks(PACKET, 10),
}


def assert_close(made: np.ndarray, kind: str) -> None:
    """An 8-bit step may fall to either side, where sums are rounded in another order."""
    expected = published.SPECS[kind].build(PACKET)
    assert made.shape == expected.shape
    assert (np.abs(made - expected) > 1e-5).mean() < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_add_at_makes_the_same(kind: str) -> None:
    assert_close(NUMPY_WAYS[kind](), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_c_loop_makes_the_same(kind: str) -> None:
    c_loops = baselines.compile_published_c_loops(compile_c_loops())
    if c_loops is None:
        pytest.skip("no gcc on this machine")
    calls = published._calls(kind, PACKET, c_loops)
    assert set(calls) == {"ours", "np.add.at", "C loop"}
    made = calls["C loop"]()
    assert isinstance(made, np.ndarray)
    assert_close(made, kind)
