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
def cast(parts: Parts, placed: Placed, view: View, depth_m: FloatArray, part_ids: IntArray) -> None:
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
        if left >= right:
            continue
        ray, origin, shape = placed.ray[i], placed.origin[i], parts.shape[i]
        start, stride = np.empty(3, np.float32), np.empty(3, np.float32)
        for row in range(top, bottom):
            u = np.float32((left - view.centre_x_px) * step)
            v = np.float32((view.centre_y_px - row) * step)
            for axis in range(3):
                start[axis] = ray[axis, 0] * u + ray[axis, 1] * v + ray[axis, 2]
                stride[axis] = ray[axis, 0] * step
            depths, ids = depth_m[row, left:right], part_ids[row, left:right]
            if shape == 0:
                _cast_sphere(origin, start, stride, i, depths, ids)
            elif shape == 1:
                _cast_box(origin, start, stride, i, depths, ids)
            else:
                _cast_frustum(origin, start, stride, parts.top_ratio[i], i, depths, ids)


# The loops below have no branches, so that they compile to vector instructions.


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def away_from_zero(x: float) -> float:
    """Return ``x``, or a tiny number in place of a zero that would divide.

    Adding a tiny number would not do: fast arithmetic may fold it into a larger one.
    """
    return x if abs(x) > TINY else TINY


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _cast_sphere(
    origin: FloatArray,
    start: FloatArray,
    stride: FloatArray,
    part: int,
    depths: FloatArray,
    ids: IntArray,
) -> None:
    """Cast rays with directions start + k stride at the unit sphere; update the (W,) buffers."""
    ox, oy, oz = origin
    c = ox * ox + oy * oy + oz * oz - ONE
    for k in range(len(depths)):
        place = np.float32(k)
        x = start[0] + stride[0] * place
        y = start[1] + stride[1] * place
        z = start[2] + stride[2] * place
        a = x * x + y * y + z * z
        b = ox * x + oy * y + oz * z
        discriminant = b * b - a * c
        hit = (-b - math.sqrt(max(discriminant, ZERO))) / a
        is_hit = (discriminant > ZERO) & (hit > NEAR_M) & (hit < depths[k])
        depths[k] = hit if is_hit else depths[k]
        ids[k] = part if is_hit else ids[k]


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _cast_box(
    origin: FloatArray,
    start: FloatArray,
    stride: FloatArray,
    part: int,
    depths: FloatArray,
    ids: IntArray,
) -> None:
    """Cast rays with directions start + k stride at the cube from -1 to 1."""
    ox, oy, oz = origin
    for k in range(len(depths)):
        place = np.float32(k)
        inverse_x = ONE / away_from_zero(start[0] + stride[0] * place)
        inverse_y = ONE / away_from_zero(start[1] + stride[1] * place)
        inverse_z = ONE / away_from_zero(start[2] + stride[2] * place)
        middle_x, middle_y, middle_z = -ox * inverse_x, -oy * inverse_y, -oz * inverse_z
        half_x, half_y, half_z = abs(inverse_x), abs(inverse_y), abs(inverse_z)
        hit = max(max(middle_x - half_x, middle_y - half_y), middle_z - half_z)
        leave = min(min(middle_x + half_x, middle_y + half_y), middle_z + half_z)
        is_hit = (leave > hit) & (hit > NEAR_M) & (hit < depths[k])
        depths[k] = hit if is_hit else depths[k]
        ids[k] = part if is_hit else ids[k]


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _cast_frustum(
    origin: FloatArray,
    start: FloatArray,
    stride: FloatArray,
    ratio: float,
    part: int,
    depths: FloatArray,
    ids: IntArray,
) -> None:
    """Cast rays at the frustum of radius 1 at y = -1 and ``ratio`` at y = 1, seen from outside."""
    ox, oy, oz = origin
    slope = (ratio - ONE) * HALF
    radius = (ratio + ONE) * HALF + slope * oy
    c = ox * ox + oz * oz - radius * radius
    side = ONE if oy > ZERO else -ONE
    # no cap faces a camera between both of their planes
    rim = (ratio if oy > ZERO else ONE) if abs(oy) > ONE else ZERO
    for k in range(len(depths)):
        place = np.float32(k)
        x = start[0] + stride[0] * place
        y = start[1] + stride[1] * place
        z = start[2] + stride[2] * place
        a = away_from_zero(x * x + z * z - slope * slope * y * y)
        b = ox * x + oz * z - radius * slope * y
        discriminant = b * b - a * c
        root = math.sqrt(max(discriminant, ZERO))
        first, second = (-b - root) / a, (-b + root) / a
        is_first = (first > NEAR_M) & (abs(oy + first * y) <= ONE)
        is_second = (second > NEAR_M) & (abs(oy + second * y) <= ONE)
        hit = min(first if is_first else MISS_M, second if is_second else MISS_M)
        hit = hit if discriminant > ZERO else MISS_M
        cap = (side - oy) / away_from_zero(y)
        cap_x, cap_z = ox + cap * x, oz + cap * z
        is_cap = (cap > NEAR_M) & (cap_x * cap_x + cap_z * cap_z < rim * rim)
        hit = min(hit, cap if is_cap else MISS_M)
        is_hit = hit < depths[k]
        depths[k] = hit if is_hit else depths[k]
        ids[k] = part if is_hit else ids[k]
