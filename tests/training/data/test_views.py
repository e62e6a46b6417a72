from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from training.data.views import WHOLE, Crop, ViewConfig, cut, cut_labels


def ramp(height: int, width: int) -> Image.Image:
    """Return a picture whose red is its column and whose green is its row."""
    rows, columns = np.mgrid[:height, :width]
    blue = np.zeros_like(rows)
    return Image.fromarray(np.stack([columns, rows, blue], -1).astype(np.uint8))


def test_crops_lie_in_the_picture_and_have_their_area() -> None:
    rng = np.random.default_rng(0)
    config = ViewConfig(area=(0.2, 0.5))
    crops = [config.crop(rng) for _ in range(200)]
    for crop in crops:
        assert 0 <= crop.top < crop.bottom <= 1
        assert 0 <= crop.left < crop.right <= 1
    areas = [(crop.bottom - crop.top) * (crop.right - crop.left) for crop in crops]
    assert 0.15 < min(areas) < 0.25
    assert 0.45 < max(areas) <= 0.5
    assert 0.3 < np.mean([crop.is_flipped for crop in crops]) < 0.7


def test_the_whole_crop_changes_nothing() -> None:
    picture = ramp(8, 12)
    np.testing.assert_array_equal(cut(picture, WHOLE, 8, 12), np.asarray(picture))


def test_a_flipped_crop_is_the_mirror_of_the_crop() -> None:
    picture = ramp(32, 32)
    crop = Crop(0.25, 0.0, 0.75, 0.5)
    straight = cut(picture, crop, 16, 16)
    assert straight[0, 0, 1] == 8
    np.testing.assert_array_equal(
        cut(picture, crop._replace(is_flipped=True), 16, 16), straight[:, ::-1]
    )


def test_labels_and_features_are_cut_where_pixels_are() -> None:
    crop = Crop(0.25, 0.5, 0.75, 1.0, is_flipped=True)
    picture = ramp(64, 64)
    pixels = cut(picture, crop, 8, 8)
    labels = cut_labels(np.asarray(picture)[..., 0].copy(), crop, 8, 8)
    assert np.abs(labels.astype(int) - pixels[..., 0]).max() <= 2
    values = torch.from_numpy(np.asarray(picture)[..., :2].astype(np.float32)).permute(2, 0, 1)
    sampled = torch.nn.functional.grid_sample(
        values[None], torch.from_numpy(crop.points(8))[None], align_corners=False
    )
    at_points = sampled[0].permute(1, 2, 0).numpy()
    assert np.abs(at_points - pixels[..., :2]).max() <= 1


def test_colours_are_decided_by_the_generator_and_keep_the_input() -> None:
    pixels = np.asarray(ramp(16, 16)).copy()
    before = pixels.copy()
    first = ViewConfig().coloured(pixels, np.random.default_rng(3))
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(first, ViewConfig().coloured(pixels, np.random.default_rng(3)))
    assert not np.array_equal(first, ViewConfig().coloured(pixels, np.random.default_rng(4)))


def test_without_change_colours_stay() -> None:
    plain = ViewConfig(brightness=0, contrast=0, saturation=0, greyscale=0)
    pixels = np.asarray(ramp(16, 16))
    same = plain.coloured(pixels, np.random.default_rng(0))
    assert np.abs(same.astype(int) - pixels).max() <= 1


def test_grey_views_have_equal_channels() -> None:
    grey = ViewConfig(greyscale=1).coloured(np.asarray(ramp(16, 16)), np.random.default_rng(0))
    assert np.ptp(grey.astype(int), axis=-1).max() <= 1


def test_an_impossible_area_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"view.area must rise within \(0, 1\]"):
        ViewConfig(area=(0.5, 1.5))
