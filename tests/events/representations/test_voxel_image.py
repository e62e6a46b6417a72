from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from events.packet import EventPacket, SensorSize, pack_events
from events.representations.letterbox import Letterbox
from events.representations.voxel_image import VoxelImageSpec, voxel_image

SENSOR = SensorSize(4, 1)
PLAIN: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def packet_of(t: list[int], x: list[int], p: list[int]) -> EventPacket:
    return EventPacket(pack_events(t, x, np.zeros(len(t)), p), SENSOR, 0, 1000)


PACKET = packet_of([0, 0, 0, 500, 1000], [0, 0, 0, 1, 2], [1, 1, 1, 0, 1])
"""Voxels 3, -1 and 1 in bins 0, 1 and 2."""


def test_the_least_voxel_is_black_and_the_largest_white() -> None:
    image = voxel_image(PACKET, VoxelImageSpec(**PLAIN))[:, 0] * 255
    empty = int(255 / 4)
    expected = np.full((3, 4), empty)
    expected[0, 0], expected[1, 1], expected[2, 2] = 255, 0, 127
    np.testing.assert_allclose(image, expected, atol=1e-4)


def test_a_hot_pixel_does_not_darken_levels_by_their_root_mean_square() -> None:
    spec = VoxelImageSpec(encoding="rms", quantization="none", **PLAIN)
    image = voxel_image(PACKET, spec)[:, 0]
    span = 6 * np.sqrt((9 + 1 + 1) / 3)
    assert image[0] == pytest.approx([0.5 + 3 / span, 0.5, 0.5, 0.5])
    assert image[1, 1] == pytest.approx(0.5 - 1 / span)
    hot = packet_of([0] * 500 + [0] * 30, [0] * 500 + [1] * 30, [1] * 530)
    assert voxel_image(hot, spec).max() <= 1


@pytest.mark.parametrize("encoding", ["min_max", "rms"])
def test_without_events_all_is_mid_grey(encoding: Any) -> None:
    image = voxel_image(packet_of([], [], []), VoxelImageSpec(encoding=encoding, **PLAIN))
    np.testing.assert_allclose(image * 255, 127, atol=1e-4)


def test_levels_are_normalised_as_photographs_are() -> None:
    image = voxel_image(PACKET, VoxelImageSpec())
    assert image[0, 0, 0] == pytest.approx((1 - 0.485) / 0.229, rel=1e-5)
    assert image[1, 0, 1] == pytest.approx((0 - 0.456) / 0.224, rel=1e-5)


def test_an_input_of_twice_the_size_is_plain_bilinear() -> None:
    box = Letterbox(SENSOR, 2, 8)
    image = VoxelImageSpec(quantization="none", **PLAIN).network_input(PACKET, box)
    assert image[0, 0, :4] == pytest.approx([1, 1 - 0.75 / 4, 1 - 0.75 * 3 / 4, 0.25], abs=1e-6)
