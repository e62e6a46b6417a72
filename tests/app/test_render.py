from __future__ import annotations

import numpy as np
import pytest

from app.colormaps import COLORMAPS, colormap
from app.render import (
    EventColors,
    accumulated_image,
    depth_image,
    depth_ticks,
    overlay_segmentation,
    segmentation_image,
    side_by_side,
    surface_image,
    voxel_image,
)
from events.packet import EventPacket, SensorSize, empty_packet, pack_events
from models.palette import color_of
from models.results import Depth, Segmentation

SENSOR = SensorSize(40, 30)
COLORS = EventColors()


def packet_of(t, x, y, p, start_us=0, end_us=50_000):
    return EventPacket(pack_events(t, x, y, p), SENSOR, start_us, end_us)


def test_the_surface_shows_new_events_bright_old_ones_dim_and_none_as_background():
    newest = np.full((30, 40), -(1 << 60), np.int64)
    newest[1, 2], newest[3, 4], newest[5, 6] = 10**15, 10**15 - 50_000, 10**15 + 1
    on = np.zeros((30, 40), np.uint8)
    on[1, 2] = 1
    image = surface_image(newest, on, 10**15, decay_us=50_000)
    assert tuple(image[1, 2]) == COLORS.on
    expected = np.array(COLORS.background) * (1 - np.exp(-1)) + np.array(COLORS.off) * np.exp(-1)
    np.testing.assert_allclose(image[3, 4], expected, atol=2)
    assert tuple(image[5, 6]) == COLORS.background  # of the future: not yet shown
    assert tuple(image[0, 0]) == COLORS.background


def test_the_accumulated_view_shows_the_sign_of_the_sum():
    image = accumulated_image(packet_of([0, 1, 2, 3], [5, 5, 5, 9], [7, 7, 7, 9], [1, 1, 0, 0]))
    assert image.shape == (30, 40, 3)
    blue, orange = image[7, 5].astype(int), image[9, 9].astype(int)
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]


def test_voxel_tiles_hold_the_events_of_their_part_of_the_window():
    image = voxel_image(packet_of([0, 49_999], [3, 3], [4, 4], [1, 0]), num_bins=5)
    assert image.shape == (2 * 30 + 2, 3 * 40 + 4, 3)
    lit = np.argwhere((image[:, :, 2] > 60) | (image[:, :, 0] > 60)).tolist()
    assert lit == [[4, 3], [32 + 4, 42 + 3]]


def test_tiles_of_a_large_sensor_are_made_smaller():
    image = voxel_image(empty_packet(SensorSize(1280, 720), 0, 1), num_bins=5)
    assert image.shape == (2 * 240 + 2, 3 * 427 + 4, 3)


def test_an_empty_window_is_all_background():
    empty = empty_packet(SENSOR, 10**15, 10**15)
    assert (accumulated_image(empty) == COLORS.background).all()
    assert voxel_image(empty).shape == (62, 124, 3)


def blocks():
    ids = np.zeros((30, 40), np.uint8)
    ids[10:20, 10:30] = 1
    return Segmentation(ids, ("background", "crate"))


def test_the_overlay_leaves_background_alone_and_draws_outlines_stronger_than_fills():
    image = np.full((30, 40, 3), COLORS.background, np.uint8)
    overlay_segmentation(image, blocks(), opacity=0.6)
    crate, ground = np.array(color_of("crate"), float), np.array(COLORS.background, float)
    assert tuple(image[0, 0]) == COLORS.background
    np.testing.assert_allclose(image[15, 20], ground + (crate - ground) * 0.36, atol=2)
    np.testing.assert_allclose(image[10, 20], ground + (crate - ground) * 0.84, atol=2)


def test_events_stand_out_of_the_fills():
    image = np.full((30, 40, 3), COLORS.background, np.uint8)
    image[15, 20] = COLORS.on
    overlay_segmentation(image, blocks(), opacity=1.0)
    around = image[15, 21].astype(int)
    distance = np.abs(image[15, 20].astype(int) - np.array(COLORS.on)).max()
    assert distance < np.abs(around - np.array(COLORS.on)).max() / 2


@pytest.mark.parametrize("opacity", [0.0, -1.0])
def test_no_opacity_no_overlay(opacity):
    image = np.full((30, 40, 3), 9, np.uint8)
    assert (overlay_segmentation(image, blocks(), opacity=opacity) == 9).all()


def test_the_overlay_is_the_same_on_every_level_of_grey():
    crate = np.array(color_of("crate"), float)
    for level in range(256):
        image = np.full((30, 40, 3), level, np.uint8)
        overlay_segmentation(image, blocks(), opacity=1.0)
        contrast = np.abs(level - np.array(COLORS.background)).max()
        share = 0.6 * (340 - min(contrast, 200)) / 340
        np.testing.assert_allclose(image[15, 20], level + (crate - level) * share, atol=2)


def test_a_hidden_class_is_not_drawn():
    image = np.zeros((30, 40, 3), np.uint8)
    assert not overlay_segmentation(image, blocks(), hidden=("crate",)).any()


def test_an_overlay_of_another_size_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        overlay_segmentation(np.zeros((5, 5, 3), np.uint8), blocks())


def test_segmentation_alone_is_drawn_on_the_background():
    image = segmentation_image(blocks())
    assert tuple(image[0, 0]) == COLORS.background
    assert tuple(image[10, 10]) == color_of("crate")


@pytest.mark.parametrize("name", COLORMAPS)
def test_near_takes_the_map_s_end_and_far_its_start(name):
    depth = Depth(np.array([[0.1, 0.5, 10.0, 99.0]], np.float32))
    image = depth_image(depth, near_m=0.5, far_m=10, colors=name)
    table = colormap(name)
    assert (image[0, :2] == table[255]).all()
    assert (image[0, 2:] == table[0]).all()


def test_depth_takes_the_colour_of_its_logarithm_to_one_step():
    depth_m = np.geomspace(0.25, 40, 5_000, dtype=np.float32)[None]
    image = depth_image(Depth(depth_m), near_m=0.25, far_m=40, colors="turbo")
    table = colormap("turbo").astype(int)
    place = np.log(40 / depth_m[0].astype(np.float64)) / np.log(40 / 0.25) * 255
    steps = [
        abs(np.abs(table - color).sum(1).argmin() - exact)
        for color, exact in zip(image[0], place, strict=True)
    ]
    assert max(steps) <= 1.0


def test_a_wrong_range_or_colour_map_says_what_would_do():
    depth = Depth(np.ones((1, 1), np.float32))
    with pytest.raises(ValueError, match="0 < near < far, got 2 to 1 m"):
        depth_image(depth, near_m=2, far_m=1)
    with pytest.raises(ValueError, match="one of turbo, viridis, got 'jet'"):
        colormap("jet")


def test_ticks_are_round_metres_inside_the_range():
    assert depth_ticks(0.4, 12) == [0.5, 1.0, 2.0, 5.0, 10.0]


def test_viridis_grows_ever_brighter():
    brightness = colormap("viridis").astype(float) @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(brightness) > -0.6).all()


def test_pictures_stand_side_by_side():
    row = side_by_side([np.zeros((5, 4, 3), np.uint8), np.zeros((5, 6, 3), np.uint8)], gap=2)
    assert row.shape == (5, 12, 3)
    with pytest.raises(ValueError, match="one height"):
        side_by_side([np.zeros((5, 4, 3), np.uint8), np.zeros((6, 4, 3), np.uint8)])


def test_rendering_changes_neither_events_nor_predictions():
    packet = packet_of([0, 1], [1, 2], [1, 2], [0, 1])
    before, ids = packet.events.tobytes(), blocks()
    image = accumulated_image(packet)
    overlay_segmentation(image, ids)
    assert packet.events.tobytes() == before
    assert (ids.class_ids == blocks().class_ids).all()
