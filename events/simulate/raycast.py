"""Compiled ray casting of affine spheres, boxes and frusta with a depth buffer.

Camera and world axes: x right, y up, z forward. A pixel's ray is camera + depth * direction, with a
direction of length 1 along the optical axis: its parameter is the depth, in any affine frame.
"""

from __future__ import annotations

import math
from typing import NamedTuple
from typing import cast as typed

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

# 32 bits wide: a plain literal would widen whole expressions of compiled code to 64
ZERO = typed("float", np.float32(0))
QUARTER = typed("float", np.float32(0.25))
HALF = typed("float", np.float32(0.5))
ONE = typed("float", np.float32(1))
TINY = typed("float", np.float32(1e-6))
NEAR_M = typed("float", np.float32(0.1))
MISS_M = typed("float", np.float32(1e9))


class Parts(NamedTuple):
    """The primitives of a scene, in the frames of their objects; M of them."""

    object_index: IntArray
    """(M,)"""
    shape: IntArray
    """(M,) SPHERE, BOX or FRUSTUM of events.simulate.kinds."""
    centre_m: FloatArray
    """(M, 3)"""
    half_size_m: FloatArray
    """(M, 3)"""
    tilt_rad: FloatArray
    """(M,) about z."""
    top_ratio: FloatArray
    """(M,)"""
    material: IntArray
    """(M,) row of the scene's materials."""


class View(NamedTuple):
    """A pinhole camera at one instant."""

    rotation: FloatArray
    """(3, 3) from camera to world axes."""
    position_m: FloatArray
    """(3,)"""
    focal_px: float
    centre_x_px: float
    centre_y_px: float


class Placed(NamedTuple):
    """Primitives as one view sees them. In its own frame each one fills the cube from -1 to 1."""

    to_local: FloatArray
    """(M, 3, 3) from world vectors to the primitive's frame."""
    origin: FloatArray
    """(M, 3) camera in the primitive's frame."""
    ray: FloatArray
    """(M, 3, 3) from camera vectors to the primitive's frame."""
    bounds_px: IntArray
    """(M, 4) first row, first column, end row, end column; empty where out of view."""


def allocate_placed(num_parts: int) -> Placed:
    """Return buffers for ``place``."""
    return Placed(
        np.empty((num_parts, 3, 3), np.float32),
        np.empty((num_parts, 3), np.float32),
        np.empty((num_parts, 3, 3), np.float32),
        np.empty((num_parts, 4), np.int32),
    )


@numba.njit(nogil=True, cache=True, error_model="numpy")
def place(
    parts: Parts, poses: FloatArray, view: View, height: int, width: int, placed: Placed
) -> None:
    """Fill ``placed`` for objects at ``poses`` (N, 5): x, y, z in metres, yaw in rad, size."""
    rotation = view.rotation
    local = np.empty((3, 3), np.float32)
    for i in range(len(parts.shape)):
        x, y, z, yaw, size = poses[parts.object_index[i]]
        cos, sin = math.cos(yaw), math.sin(yaw)
        cos_tilt, sin_tilt = math.cos(parts.tilt_rad[i]), math.sin(parts.tilt_rad[i])
        half, centre = parts.half_size_m[i], parts.centre_m[i]
        # world to object is a turn by -yaw about y, then object to part one by -tilt about z
        local[0] = (cos_tilt * cos, sin_tilt, -cos_tilt * sin)
        local[1] = (-sin_tilt * cos, cos_tilt, sin_tilt * sin)
        local[2] = (sin, np.float32(0), cos)
        centre_x = x + size * (cos * centre[0] + sin * centre[2])
        centre_y = y + size * centre[1]
        centre_z = z + size * (-sin * centre[0] + cos * centre[2])
        offset = (
            view.position_m[0] - centre_x,
            view.position_m[1] - centre_y,
            view.position_m[2] - centre_z,
        )
        for row in range(3):
            scale = 1 / (half[row] * size)
            for column in range(3):
                placed.to_local[i, row, column] = local[row, column] * scale
        for row in range(3):
            line = placed.to_local[i, row]
            placed.origin[i, row] = line[0] * offset[0] + line[1] * offset[1] + line[2] * offset[2]
            for column in range(3):
                placed.ray[i, row, column] = (
                    line[0] * rotation[0, column]
                    + line[1] * rotation[1, column]
                    + line[2] * rotation[2, column]
                )
        _bound(placed, i, half * size, view, height, width)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _bound(placed: Placed, i: int, half_m: FloatArray, view: View, height: int, width: int) -> None:
    """Set the rectangle of pixels around primitive ``i``'s eight corners."""
    ray, origin = placed.ray[i], placed.origin[i]
    low_x, low_y, high_x, high_y = 1e9, 1e9, -1e9, -1e9
    num_behind = 0
    for corner in range(8):
        sign_x = (2.0 * (corner & 1) - 1 - origin[0]) * half_m[0] ** 2
        sign_y = (2.0 * (corner >> 1 & 1) - 1 - origin[1]) * half_m[1] ** 2
        sign_z = (2.0 * (corner >> 2) - 1 - origin[2]) * half_m[2] ** 2
        # the columns of ray are orthogonal but for half_m: its transpose inverts it
        x = ray[0, 0] * sign_x + ray[1, 0] * sign_y + ray[2, 0] * sign_z
        y = ray[0, 1] * sign_x + ray[1, 1] * sign_y + ray[2, 1] * sign_z
        z = ray[0, 2] * sign_x + ray[1, 2] * sign_y + ray[2, 2] * sign_z
        if z < NEAR_M:
            num_behind += 1
            continue
        column = view.centre_x_px + view.focal_px * x / z
        row = view.centre_y_px - view.focal_px * y / z
        low_x, high_x = min(low_x, column), max(high_x, column)
        low_y, high_y = min(low_y, row), max(high_y, row)
    bounds = placed.bounds_px[i]
    if num_behind == 8:
        bounds[:] = 0
    elif num_behind:
        bounds[0], bounds[1], bounds[2], bounds[3] = 0, 0, height, width
    else:
        bounds[0] = min(max(math.floor(low_y), 0), height)
        bounds[1] = min(max(math.floor(low_x), 0), width)
        bounds[2] = max(min(math.ceil(high_y) + 1, height), 0)
        bounds[3] = max(min(math.ceil(high_x) + 1, width), 0)


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def cast(
    parts: Parts, placed: Placed, view: View, depth_m: FloatArray, part_ids: npt.NDArray[np.int16]
) -> None:
    """Write depth and index of the nearest primitive along each pixel's ray.

    Args:
        parts: Shapes of the primitives.
        placed: Where they are.
        view: The camera.
        depth_m: (H, W) depth buffer, read and updated.
        part_ids: (H, W) indices of primitives, written where one is nearer than ``depth_m``.
    """
    step = np.float32(1 / view.focal_px)
    for i in range(len(parts.shape)):
        top, left, bottom, right = placed.bounds_px[i]
        if top >= bottom or left >= right:
            continue
        ray = placed.ray[i]
        origin_x, origin_y, origin_z = placed.origin[i]
        shape, ratio = parts.shape[i], parts.top_ratio[i]
        for row in range(top, bottom):
            v = np.float32((view.centre_y_px - row) * step)
            start_x = ray[0, 1] * v + ray[0, 2]
            start_y = ray[1, 1] * v + ray[1, 2]
            start_z = ray[2, 1] * v + ray[2, 2]
            for column in range(left, right):
                u = np.float32((column - view.centre_x_px) * step)
                x, y, z = ray[0, 0] * u + start_x, ray[1, 0] * u + start_y, ray[2, 0] * u + start_z
                if shape == 0:
                    hit_m = _hit_sphere(origin_x, origin_y, origin_z, x, y, z)
                elif shape == 1:
                    hit_m = _hit_box(origin_x, origin_y, origin_z, x, y, z)
                else:
                    hit_m = _hit_frustum(origin_x, origin_y, origin_z, x, y, z, ratio)
                if hit_m < depth_m[row, column]:
                    depth_m[row, column] = hit_m
                    part_ids[row, column] = i


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy", inline="always")
def away_from_zero(x: float) -> float:
    """Return ``x``, or a tiny number in place of a zero that would divide.

    Adding a tiny number would not do: fast arithmetic may fold it into a larger one.
    """
    return x if abs(x) > TINY else TINY


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy", inline="always")
def _hit_sphere(ox: float, oy: float, oz: float, x: float, y: float, z: float) -> float:
    """Return where origin + t (x, y, z) enters the unit sphere; MISS_M if it does not."""
    a = x * x + y * y + z * z
    b = ox * x + oy * y + oz * z
    c = ox * ox + oy * oy + oz * oz - ONE
    discriminant = b * b - a * c
    if discriminant < 0:
        return MISS_M
    hit = (-b - math.sqrt(discriminant)) / a
    return hit if hit > NEAR_M else MISS_M


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy", inline="always")
def _hit_box(ox: float, oy: float, oz: float, x: float, y: float, z: float) -> float:
    """Return where the ray enters the cube from -1 to 1."""
    inverse_x = ONE / away_from_zero(x)
    inverse_y = ONE / away_from_zero(y)
    inverse_z = ONE / away_from_zero(z)
    enter = max(
        -ox * inverse_x - abs(inverse_x),
        -oy * inverse_y - abs(inverse_y),
        -oz * inverse_z - abs(inverse_z),
    )
    leave = min(
        -ox * inverse_x + abs(inverse_x),
        -oy * inverse_y + abs(inverse_y),
        -oz * inverse_z + abs(inverse_z),
    )
    return enter if leave > enter > NEAR_M else MISS_M


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy", inline="always")
def _hit_frustum(
    ox: float, oy: float, oz: float, x: float, y: float, z: float, ratio: float
) -> float:
    """Return where the ray enters the frustum of radius 1 at y = -1 and ``ratio`` at y = 1."""
    best = MISS_M
    slope = (ratio - ONE) * HALF
    radius = (ratio + ONE) * HALF + slope * oy
    a = away_from_zero(x * x + z * z - slope * slope * y * y)
    b = ox * x + oz * z - radius * slope * y
    c = ox * ox + oz * oz - radius * radius
    discriminant = b * b - a * c
    if discriminant >= 0:
        root = math.sqrt(discriminant)
        for sign in (-1, 1):
            hit = (-b + sign * root) / a
            if NEAR_M < hit < best and abs(oy + hit * y) <= ONE:
                best = hit
    if abs(oy) > ONE and oy * y < 0:
        side = ONE if oy > 0 else -ONE
        hit = (side - oy) / y
        rim = ratio if oy > 0 else ONE
        hit_x, hit_z = ox + hit * x, oz + hit * z
        if NEAR_M < hit < best and hit_x * hit_x + hit_z * hit_z <= rim * rim:
            best = hit
    return best
