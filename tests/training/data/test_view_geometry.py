from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from events.packet import EventPacket, SensorSize, pack_events
from training.data.view_geometry import (
    camera_matrix,
    known_depth,
    moved,
    rotation_homography,
    top_rows,
    warped,
)

SENSOR = SensorSize(8, 6)
EYE = np.eye(3)


def packet(x: list[int], y: list[int]) -> EventPacket:
    t = 10**15 + np.arange(len(x))
    return EventPacket(pack_events(t, x, y, [1] * len(x)), SENSOR, 10**15, 10**15 + 100, 3)


def test_a_homography_takes_a_direction_to_the_pixel_where_the_other_camera_sees_it() -> None:
    event, colour = camera_matrix(500, 510, 320, 240), camera_matrix(1000, 990, 700, 500)
    angle = 0.02
    rotation = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    homography = rotation_homography(colour, rotation, event)
    point_m = np.array([40.0, -25.0, 300.0])
    seen, expected = event @ point_m, colour @ rotation @ point_m
    found = homography @ (seen / seen[2])
    np.testing.assert_allclose(found / found[2], expected / expected[2], rtol=1e-12)


def test_warping_by_no_rotation_leaves_a_picture_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    np.testing.assert_array_equal(warped(Image.fromarray(pixels), EYE, SENSOR), pixels)


def test_a_finer_picture_is_shrunk_by_the_means_of_its_blocks() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    # The first sensor pixel's centre lies amid the first four of the picture.
    homography = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1.0]])
    means = pixels.reshape(6, 2, 8, 2, 3).mean((1, 3))
    seen = warped(Image.fromarray(pixels), homography, SENSOR)
    np.testing.assert_allclose(seen, means, atol=1)


def test_a_shifted_picture_is_black_where_the_camera_saw_nothing() -> None:
    pixels = np.full((6, 8, 3), 90, np.uint8)
    homography = np.array([[1, 0, 3], [0, 1, 0], [0, 0, 1.0]])
    seen = warped(Image.fromarray(pixels), homography, SENSOR)
    assert (seen[:, :5] == 90).all()
    assert not seen[:, 5:].any()


def test_events_move_to_the_nearest_pixel_and_leave_the_sensor() -> None:
    places = np.stack(np.meshgrid(np.arange(8) + 2.4, np.arange(6) - 0.6), 2)
    places[3, 0] = np.nan
    result = moved(packet([0, 5, 6, 0], [1, 5, 5, 3]), places)
    assert result.x.tolist() == [2, 7]
    assert result.y.tolist() == [0, 4]
    assert result.t.tolist() == [10**15, 10**15 + 1]
    assert (result.start_us, result.end_us, result.num_lost) == (10**15, 10**15 + 100, 3)


def test_the_top_rows_are_a_smaller_sensor_s_events_bit_by_bit() -> None:
    whole = packet([1, 2, 3], [0, 4, 3])
    result = top_rows(whole, 4)
    assert result.sensor == SensorSize(8, 4)
    np.testing.assert_array_equal(result.words, whole.words[[0, 2]])


def test_no_events_stay_no_events() -> None:
    places = np.zeros((6, 8, 2))
    assert len(moved(packet([], []), places)) == 0
    assert len(top_rows(packet([], []), 2)) == 0


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf, 0.0, -3.0, 100.0])
def test_depth_that_is_none_counts_as_unknown(unknown: float) -> None:
    depth_m = known_depth(np.array([[2.5, unknown]]), farthest_m=100)
    assert depth_m.tolist() == [[2.5, 0.0]]
    assert depth_m.dtype == np.float32
