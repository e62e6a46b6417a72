from __future__ import annotations

import numpy as np
import pytest

from events.simulate.parallax import parallax_frames, random_path, small_motion


def picture_of_bars(height: int = 24, width: int = 40) -> np.ndarray:
    return np.tile((np.arange(width) // 4 % 2).astype(np.float32), (height, 1))


def test_a_path_ends_at_rest_so_the_last_frame_is_the_picture_itself() -> None:
    path = random_path(np.random.default_rng(1), 5)
    picture = picture_of_bars()
    frames = parallax_frames(picture, np.full_like(picture, 2.0), 30.0, path)
    assert path.shape == (5, 6)
    assert not path[-1].any()
    assert np.array_equal(frames[-1], picture)
    assert not np.array_equal(frames[0], picture)


def test_a_sideways_step_moves_a_plane_by_focal_length_times_step_over_depth() -> None:
    picture = picture_of_bars()
    step = np.array([[0.2, 0, 0, 0, 0, 0]], np.float32)
    [moved] = parallax_frames(picture, np.full_like(picture, 2.0), 40.0, step)  # 40 * 0.2 / 2 = 4
    assert np.allclose(moved[:, 2:-6], picture[:, 6:-2], atol=1e-3)


def test_a_near_plane_moves_more_than_a_far_one() -> None:
    picture = picture_of_bars(24, 40)
    depth_m = np.full_like(picture, 4.0)
    depth_m[:12] = 1.0
    step = np.array([[0.05, 0, 0, 0, 0, 0]], np.float32)
    [moved] = parallax_frames(picture, depth_m, 40.0, step)
    change = np.abs(moved - picture).mean(1)
    assert change[:11].mean() > 2 * change[13:].mean()


def test_unknown_depth_and_inputs_stay_as_they_are() -> None:
    picture = picture_of_bars()
    depth_m = np.zeros_like(picture)
    kept = picture.copy()
    frames = parallax_frames(picture, depth_m, 40.0, np.full((2, 6), 0.01, np.float32))
    assert np.isfinite(frames).all()
    assert np.array_equal(picture, kept)
    assert not depth_m.any()


def test_small_motion_reads_step_and_turn_in_the_cameras_own_axes() -> None:
    angle = 0.01
    before, now = np.eye(4), np.eye(4)
    now[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    now[:3, 3] = 0.1, 0.2, 0.3
    assert small_motion(before, now) == pytest.approx([0.1, 0.2, 0.3, 0, angle, 0], abs=1e-5)
    assert small_motion(now, now) == pytest.approx(np.zeros(6), abs=1e-9)


def test_picture_and_depth_must_have_one_shape() -> None:
    with pytest.raises(ValueError, match="one shape"):
        parallax_frames(picture_of_bars(), np.ones((3, 3), np.float32), 30.0, np.zeros((1, 6)))
