"""The fused kernels run on a GPU only; there they must equal the definition."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from event_packets import edge_windows, random_window

from events.packet import SensorSize
from events.representations.letterbox import Letterbox
from events.representations.voxel_grid import VoxelGridSpec
from models.representations.gridder import make_gridder

SENSOR = SensorSize(346, 260)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
@pytest.mark.parametrize(
    ("polarity", "placement", "anchor", "normalization"),
    list(
        product(
            ("signed", "two_channel"),
            ("trailing", "closed"),
            ("window", "events"),
            ("none", "nonzero_rms", "nonzero_mean_std"),
        )
    ),
)
def test_the_fused_grid_equals_the_definition(
    polarity: str, placement: str, anchor: str, normalization: str
) -> None:
    pytest.importorskip("triton")
    spec = VoxelGridSpec(
        polarity=polarity, placement=placement, anchor=anchor, normalization=normalization
    )
    letterbox = Letterbox(SENSOR, 192, 256)
    gridder = make_gridder(spec, letterbox, torch.device("cuda"))
    for name, packet in {**edge_windows(SENSOR), "most": random_window(10**6, SENSOR)}.items():
        found = gridder.grid(packet).cpu().numpy()
        expected = spec.network_input(packet, letterbox)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5, err_msg=name)
    assert gridder.is_fused
