"""Virtual camera motion over a still picture."""

from __future__ import annotations

import numpy as np
import pytest

from events.packet import SensorSize
from events.simulate.planar import (
    OUTSIDE,
    PlanarConfig,
    PlanarMotion,
    planar_frames,
    sample_bilinear,
)

SIZE = SensorSize(64, 48)
STILL = PlanarConfig(
    translation=(0, 0),
    zoom=(1, 1),
    zoom_change=0,
    rotation_rad=0,
    tilt_rad=0,
    perspective=0,
    offset=0,
)


def picture(height: int = 48, width: int = 64) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (0.5 + 0.3 * np.sin(x / 6) * np.cos(y / 5)).astype(np.float32)


def test_a_camera_that_does_not_move_sees_the_picture() -> None:
    frames = planar_frames(picture(), SIZE, 3, np.random.default_rng(0), STILL)
    assert frames.shape == (3, 48, 64)
    np.testing.assert_allclose(frames[1], picture(), atol=1e-4)


def test_halfway_between_pixels_is_their_mean() -> None:
    source, out = picture(), np.empty((10, 10), np.float32)
    sample_bilinear(source, np.array([[1, 0, 5.5], [0, 1, 3.0], [0, 0, 1]]), True, out)
    np.testing.assert_allclose(out, (source[3:13, 5:15] + source[3:13, 6:16]) / 2, atol=1e-5)


def test_equal_seeds_give_equal_paths() -> None:
    first, again, other = (
        planar_frames(picture(), SIZE, 3, np.random.default_rng(seed), PlanarConfig())
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_frames_change_smoothly_along_the_path() -> None:
    frames = planar_frames(picture(), SIZE, 20, np.random.default_rng(3), PlanarConfig())
    steps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2))
    assert steps.min() > 0
    assert steps.max() < 0.1


def test_labels_lie_on_what_they_name_at_the_end_of_the_path() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[10:30, 12:32] = 3
    random = np.random.default_rng(5)
    config = PlanarConfig(has_mirrored_border=False)
    motion = PlanarMotion((40, 40), SIZE, random, config)
    shown = np.where(labels == 3, 1.0, 0.0).astype(np.float32)
    last = planar_frames(shown, SIZE, 4, random, config, motion=motion)[-1]
    warped = motion.warp_labels(labels)
    assert set(np.unique(warped)) == {0, 3, OUTSIDE}
    # bilinear corners are rounder than nearest ones
    assert np.mean(warped[last > 0.51] == 3) > 0.99
    assert np.mean(warped[last < 0.49] == 0) > 0.99


def test_labels_may_be_coarser_than_the_picture() -> None:
    motion = PlanarMotion((48, 64), SIZE, np.random.default_rng(0), STILL)
    labels = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
    np.testing.assert_array_equal(
        motion.warp_labels(labels), np.repeat(np.repeat(labels, 4, axis=0), 4, axis=1)
    )


@pytest.mark.parametrize(("is_mirrored", "expected"), [(True, False), (False, True)])
def test_beyond_a_small_picture_lies_its_mirror_image_or_grey(
    is_mirrored: bool, expected: bool
) -> None:
    config = PlanarConfig(zoom=(0.4, 0.4), has_mirrored_border=is_mirrored)
    white = np.ones((30, 30), np.float32)
    frames = planar_frames(white, SIZE, 2, np.random.default_rng(0), config)
    assert bool((frames == 0.5).any()) is expected
    assert np.isfinite(frames).all()


def test_impossible_ranges_are_refused() -> None:
    with pytest.raises(ValueError, match="zoom"):
        PlanarConfig(zoom=(0.0, 1.0))
    with pytest.raises(ValueError, match="translation"):
        PlanarConfig(translation=(0.2, 0.1))
    with pytest.raises(ValueError, match="num_frames"):
        planar_frames(picture(), SIZE, 1, np.random.default_rng(0), STILL)
