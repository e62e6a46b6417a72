from __future__ import annotations

import numpy as np
import pytest

from events.packet import EventPacket, SensorSize, pack_events
from events.representations.activity import density_activity, rendered_activity
from events.representations.letterbox import Letterbox
from events.representations.voxel_image import VoxelImageSpec

HEIGHT, WIDTH = 64, 96


def test_a_patch_is_dense_from_the_threshold_on() -> None:
    voxels = np.zeros((3, HEIGHT, WIDTH), np.float32)
    voxels[:, 17, 33] = [40, -24, 0]  # 64 in magnitude
    voxels[0, 50, 2] = 63.9
    active = density_activity(voxels)
    assert active.shape == (4, 6)
    assert np.argwhere(active).tolist() == [[1, 2]]
    assert density_activity(voxels, threshold=63).sum() == 2


def test_events_of_a_closed_window_weigh_one_each_in_the_density() -> None:
    box = Letterbox(SensorSize(WIDTH, HEIGHT), HEIGHT, WIDTH)
    for num in (63, 64):
        t = np.linspace(0, 999, num).astype(np.int64)
        events = pack_events(t, np.full(num, 40), np.full(num, 20), np.ones(num))
        packet = EventPacket(events, box.sensor, 0, 1_000)
        voxels = VoxelImageSpec().voxels.network_input(packet, box)
        assert density_activity(voxels).sum() == (num == 64)


@pytest.mark.parametrize(
    ("row", "column", "size"), [(23, 40, 1), (40, 8, 1), (0, 0, 4), (60, 92, 4)]
)
def test_what_is_not_white_makes_its_patch_active(row: int, column: int, size: int) -> None:
    image = np.ones((3, HEIGHT, WIDTH))
    assert not rendered_activity(image).any()
    image[:2, row : row + size, column : column + size] = 0
    active = rendered_activity(image)
    assert active[row // 16, column // 16]
    assert active.sum() <= 4  # none but the neighbours that the interpolation reaches


def test_without_antialiasing_only_the_middle_of_a_patch_is_seen() -> None:
    image = np.ones((3, HEIGHT, WIDTH))
    image[:, 22, 38] = 0  # rows 5, 6, 9, 10 and the same columns of a patch
    assert np.argwhere(rendered_activity(image, is_antialiased=False)).tolist() == [[1, 2]]
    image[:, 22, 38], image[:, 20, 38] = 1, 0
    assert not rendered_activity(image, is_antialiased=False).any()
