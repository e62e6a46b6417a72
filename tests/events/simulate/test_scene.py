"""Synthetic scenes: geometry against closed forms, and truth that agrees with itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from events.packet import SensorSize
from events.simulate.kinds import BOX, FRUSTUM, KINDS, SPHERE, footprint_m, parts_of
from events.simulate.raycast import MISS_M, Parts, View, allocate_placed, cast, place
from events.simulate.scene import (
    SEGMENTATION_LABELS,
    Frame,
    Scene,
    SceneConfig,
    dominant_kind,
    sample_window,
)

SMALL = SceneConfig(width=96, height=72)
AHEAD = View(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), 80.0, 47.5, 35.5)
U, V = np.meshgrid((np.arange(96) - 47.5) / 80, (35.5 - np.arange(72)) / 80)


def cast_one(
    shape: int,
    centre: tuple[float, float, float],
    half: tuple[float, float, float],
    ratio: float = 1,
) -> np.ndarray:
    """Depth of a single primitive seen from the origin along z; inf where it is not."""
    parts = Parts(
        object_index=np.zeros(1, np.int32),
        shape=np.array([shape], np.int32),
        centre_m=np.zeros((1, 3), np.float32),
        half_size_m=np.array([half], np.float32),
        tilt_rad=np.zeros(1, np.float32),
        top_ratio=np.array([ratio], np.float32),
        material=np.zeros(1, np.int32),
    )
    poses = np.array([[*centre, 0, 1]], np.float32)
    depth_m, ids = np.full((72, 96), MISS_M, np.float32), np.full((72, 96), -1, np.int32)
    placed = allocate_placed(1)
    place(parts, poses, AHEAD, 72, 96, placed)
    cast(parts, placed, AHEAD, depth_m, ids)
    np.testing.assert_array_equal(ids >= 0, depth_m < MISS_M)
    return np.where(ids >= 0, depth_m, np.inf)


def assert_same_depth(depth_m: np.ndarray, expected_m: np.ndarray) -> None:
    """Equal but for a few pixels on the outline."""
    differs = np.isfinite(depth_m) != np.isfinite(expected_m)
    assert differs.sum() <= 6
    assert np.isfinite(expected_m).sum() > 100
    both = np.isfinite(depth_m) & np.isfinite(expected_m)
    np.testing.assert_allclose(depth_m[both], expected_m[both], rtol=2e-3)


def test_a_sphere_has_its_analytic_depth() -> None:
    centre, radius = np.array([0.4, -0.2, 3.0]), 0.7
    ray = np.stack((U, V, np.ones_like(U)), axis=-1)
    a, b, c = (ray**2).sum(-1), ray @ centre, centre @ centre - radius**2
    with np.errstate(invalid="ignore"):
        expected_m = np.nan_to_num((b - np.sqrt(b * b - a * c)) / a, nan=np.inf)
    assert_same_depth(cast_one(SPHERE, (0.4, -0.2, 3.0), (radius,) * 3), expected_m)


def test_the_face_of_a_box_is_flat() -> None:
    inside = (np.abs(U * 2.5) < 0.8) & (np.abs(V * 2.5) < 0.4)
    expected_m = np.where(inside, 2.5, np.inf)
    assert_same_depth(cast_one(BOX, (0.0, 0.0, 3.0), (0.8, 0.4, 0.5)), expected_m)


def test_a_cylinder_bulges_towards_the_camera() -> None:
    # x² + (z - 3)² = 0.5² with x = u z
    with np.errstate(invalid="ignore"):
        z = (3 - np.sqrt(9 - (1 + U**2) * (9 - 0.25))) / (1 + U**2)
        expected_m = np.where(np.abs(V * z) < 0.8, np.nan_to_num(z, nan=np.inf), np.inf)
    assert_same_depth(cast_one(FRUSTUM, (0.0, 0.0, 3.0), (0.5, 0.8, 0.5)), expected_m)


def test_a_cylinder_seen_from_above_shows_its_cap() -> None:
    depth_m = cast_one(FRUSTUM, (0.0, -1.0, 3.0), (0.5, 0.3, 0.5))
    cap_z = -0.7 / np.where(V < -0.1, V, np.nan)
    on_cap = (U * cap_z) ** 2 + (cap_z - 3) ** 2 < 0.48**2
    assert on_cap.sum() > 50
    np.testing.assert_allclose(depth_m[on_cap], cap_z[on_cap], rtol=2e-3)


def test_a_cone_is_a_triangle_from_the_side() -> None:
    depth_m = cast_one(FRUSTUM, (0.0, 0.0, 3.0), (0.6, 0.8, 0.6), ratio=0)
    widths = np.isfinite(depth_m).sum(axis=1)
    rows = np.flatnonzero(widths)
    assert widths[rows[0]] <= 3
    assert np.all(np.diff(widths[rows[:-4]]) >= -1)


def test_what_is_behind_the_camera_is_not_seen() -> None:
    assert not np.isfinite(cast_one(SPHERE, (0.0, 0.0, -3.0), (0.7,) * 3)).any()


@pytest.fixture(scope="module")
def frames() -> list[tuple[Scene, Frame]]:
    scenes = [Scene(SMALL, seed) for seed in range(5)]
    return [(scene, scene.render(t)) for scene in scenes for t in range(-1, 60_000_000, 9_000_000)]


def test_pictures_and_depths_are_finite_and_in_range(frames: list[tuple[Scene, Frame]]) -> None:
    for _, frame in frames:
        assert frame.intensity.dtype == frame.depth_m.dtype == np.float32
        assert 0 <= frame.intensity.min() < frame.intensity.max() <= 1
        assert 0.5 < frame.depth_m.min() < frame.depth_m.max() < 30


def test_classes_are_the_kinds_of_the_objects(frames: list[tuple[Scene, Frame]]) -> None:
    for scene, frame in frames:
        kinds = np.array([0, *(SEGMENTATION_LABELS.index(kind) for kind in scene.object_kinds)])
        is_object = frame.object_ids > 0
        np.testing.assert_array_equal(frame.class_ids >= 2, is_object)
        np.testing.assert_array_equal(
            frame.class_ids[is_object], kinds[frame.object_ids[is_object]]
        )


def test_the_floor_lies_at_height_zero(frames: list[tuple[Scene, Frame]]) -> None:
    for scene, frame in frames[::7]:
        view = scene.view(-1)
        row, column = np.nonzero(frame.class_ids == 1)
        u = (column - view.centre_x_px) / view.focal_px
        v = (view.centre_y_px - row) / view.focal_px
        up = view.rotation[1, 0] * u + view.rotation[1, 1] * v + view.rotation[1, 2]
        height_m = view.position_m[1] + frame.depth_m[row, column] * up
        np.testing.assert_allclose(height_m, 0, atol=2e-3)


def test_at_least_one_object_is_always_in_view(frames: list[tuple[Scene, Frame]]) -> None:
    shares = [np.mean(frame.object_ids > 0) for _, frame in frames]
    assert min(shares) > 0.01
    assert 0.05 < np.median(shares) < 0.5


def test_time_may_be_visited_in_any_order() -> None:
    scene = Scene(SMALL, 3)
    first, later, again = (scene.render(t_us) for t_us in (1_000_000, 5_000_000, 1_000_000))
    np.testing.assert_array_equal(first.intensity, again.intensity)
    np.testing.assert_array_equal(first.depth_m, again.depth_m)
    assert not np.array_equal(first.intensity, later.intensity)


def test_equal_seeds_give_equal_scenes_and_others_do_not() -> None:
    pictures = [Scene(SMALL, seed).render(0).intensity for seed in (1, 1, 2)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_a_scene_without_motion_stands_still() -> None:
    config = dataclasses.replace(SMALL, motion=0.0, light_swing=0.0)
    scene = Scene(config, 1)
    depths = [scene.render(t_us).depth_m for t_us in (0, 30_000_000)]
    np.testing.assert_array_equal(depths[0], depths[1])


def test_the_light_changes_the_picture_but_not_the_truth() -> None:
    scene = Scene(dataclasses.replace(SMALL, motion=0.0, light_swing=0.5), 1)
    frames = [scene.render(t_us) for t_us in range(0, 6_000_000, 500_000)]
    levels = [frame.intensity.mean() for frame in frames]
    assert max(levels) > 1.3 * min(levels)
    assert all((frame.class_ids == frames[0].class_ids).all() for frame in frames)


def test_the_resolution_does_not_change_the_scene() -> None:
    coarse = Scene(SMALL, 4).render(0)
    fine = Scene(dataclasses.replace(SMALL, width=192, height=144), 4).render(0)
    same = coarse.class_ids == fine.class_ids[::2, ::2]
    assert same.mean() > 0.95


def test_the_dominant_kind_covers_most_pixels() -> None:
    class_ids = np.zeros((4, 5), np.uint8)
    object_ids = np.zeros((4, 5), np.uint8)
    blank = np.zeros((4, 5), np.float32)
    assert dominant_kind(Frame(blank, blank, class_ids, object_ids)) is None
    class_ids[0], object_ids[0] = 2, 1
    class_ids[1:3], object_ids[1:3] = 5, 2
    frame = Frame(blank, blank, class_ids, object_ids)
    assert dominant_kind(frame) == SEGMENTATION_LABELS[5]
    assert dominant_kind(frame, min_fraction=0.6) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_stands_on_the_ground_about_a_metre_large(kind: str) -> None:
    bottoms = [part.centre_m[1] - part.half_size_m[1] for part in parts_of(kind)]
    tops = [part.centre_m[1] + part.half_size_m[1] for part in parts_of(kind)]
    assert min(bottoms) == pytest.approx(0, abs=0.08)
    assert 0.7 < max(tops) < 1.6
    assert 0.25 < footprint_m(kind) < 1.1


def test_a_sample_is_a_window_with_the_truth_at_its_end() -> None:
    size = SensorSize(64, 48)
    packet, truth, _ = sample_window(7, size, 50_000)
    assert packet.sensor == size
    assert packet.duration_us == 50_000
    assert truth.depth_m.shape == (48, 64)
    assert np.all((packet.t >= packet.start_us) & (packet.t < packet.end_us))
    assert np.all(np.diff(packet.t) >= 0)
    again, *_ = sample_window(7, size, 50_000)
    assert packet.events.tobytes() == again.events.tobytes()


def test_samples_are_lively_and_of_every_kind() -> None:
    samples = [sample_window(seed, SensorSize(64, 48), 50_000) for seed in range(60)]
    assert np.median([len(packet) for packet, *_ in samples]) > 300
    assert {dominant_kind(truth) for _, truth, _ in samples} >= set(KINDS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 0},
        {"num_near": (0, 3)},
        {"motion": -1.0},
        {"field_of_view_rad": 4},
        {"light_swing": 2},
    ],
)
def test_impossible_scenes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        SceneConfig(**wrong)  # type: ignore[arg-type]
