"""Frames of a camera that moves through one picture with known depth.

The motion ends at the picture itself, so that the picture's own depth and labels are exactly those
of the last frame. Each earlier frame takes every pixel from where the picture showed it, found by
fixed-point iteration on the picture's depth; what was hidden is smeared, which for the few
pixels of motion within a window is invisible.
"""

# T frames, H height, W width

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
UNKNOWN_DEPTH_M = 3.0
"""Used for the motion of pixels whose depth is not known."""
NUM_ITERATIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PathConfig:
    """How far a hand-held camera moves within one window, as standard deviations."""

    translation_m: float = 0.03
    rotation_rad: float = 0.015
    curvature: float = 0.3
    """How much the velocity changes over the window, relative to itself."""


def random_path(
    rng: np.random.Generator, num_frames: int, config: PathConfig | None = None
) -> FloatArray:
    """Return (T, 6) small motions (tx, ty, tz in m; rx, ry, rz in rad) that end at zero."""
    config = config or PathConfig()
    scale = np.repeat([config.translation_m, config.rotation_rad], 3) * rng.uniform(0.4, 1.6)
    velocity = rng.normal(size=6) * scale
    bend = rng.normal(size=6) * scale * config.curvature
    remaining = np.linspace(1, 0, num_frames)[:, None]
    return (-velocity * remaining + bend * remaining * (1 - remaining)).astype(np.float32)


def small_motion(before: npt.NDArray[np.float64], now: npt.NDArray[np.float64]) -> FloatArray:
    """Return (6,) the camera's motion between two poses, in metres and radians, in its own axes.

    Args:
        before: (4, 4) camera-to-world pose; the angle between both must be small.
        now: The same, later.
    """
    relative = np.linalg.inv(before) @ now
    turn = (relative[:3, :3] - relative[:3, :3].T) / 2
    rotation = (turn[2, 1], turn[0, 2], turn[1, 0])
    return np.array([*relative[:3, 3], *rotation], np.float32)


def parallax_frames(
    image: FloatArray, depth_m: FloatArray, focal_px: float, path: FloatArray
) -> FloatArray:
    """Return (T, H, W) frames seen from each pose of ``path``.

    Args:
        image: (H, W) brightness.
        depth_m: (H, W) metres along the optical axis, 0 where unknown.
        focal_px: Focal length; the optical axis meets the middle of the image.
        path: (T, 6) camera motions relative to the image's own pose (see ``random_path``).
    """
    if image.shape != depth_m.shape:
        raise ValueError(f"image {image.shape} and depth {depth_m.shape} must have one shape")
    frames = np.empty((len(path), *image.shape), np.float32)
    depth_m = np.where(depth_m > 0, depth_m, np.float32(UNKNOWN_DEPTH_M)).astype(np.float32)
    for frame, motion in zip(frames, path, strict=True):
        if motion.any():
            _warp(image, depth_m, np.float32(focal_px), motion, frame)
        else:
            frame[:] = image
    return frames


@numba.njit(nogil=True, cache=True, fastmath=True)
def _warp(image, depth_m, focal, motion, out):  # type: ignore[no-untyped-def]
    height, width = image.shape
    tx, ty, tz, rx, ry, rz = motion
    one = np.float32(1)
    centre_x, centre_y = np.float32(width * 0.5), np.float32(height * 0.5)
    for v in range(height):
        for u in range(width):
            x, y = np.float32(u), np.float32(v)
            for _ in range(NUM_ITERATIONS):
                column = min(max(int(x + np.float32(0.5)), 0), width - 1)
                row = min(max(int(y + np.float32(0.5)), 0), height - 1)
                z = depth_m[row, column]
                a, b = (x - centre_x) / focal, (y - centre_y) / focal
                # The point seen at (x, y) of the picture, in the moved camera (small angles).
                moved_z = z * (one + rx * b - ry * a) - tz
                moved_x = z * (a - rz * b + ry) - tx
                moved_y = z * (b + rz * a - rx) - ty
                moved_z = max(moved_z, np.float32(0.05))
                x += np.float32(u) - (focal * moved_x / moved_z + centre_x)
                y += np.float32(v) - (focal * moved_y / moved_z + centre_y)
            x = min(max(x, np.float32(0)), np.float32(width - 1.001))
            y = min(max(y, np.float32(0)), np.float32(height - 1.001))
            column, row = int(x), int(y)
            fx, fy = x - np.float32(column), y - np.float32(row)
            top = image[row, column] * (one - fx) + image[row, column + 1] * fx
            bottom = image[row + 1, column] * (one - fx) + image[row + 1, column + 1] * fx
            out[v, u] = top * (one - fy) + bottom * fy
