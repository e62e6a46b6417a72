"""Compiled shading of cast primitives: texture, light, contact shadows; and the lens's softness."""

from __future__ import annotations

import math
from typing import cast as typed

import numba
import numpy as np
import numpy.typing as npt

from events.simulate.raycast import (
    HALF,
    ONE,
    QUARTER,
    ZERO,
    FloatArray,
    IntArray,
    Parts,
    Placed,
    View,
)
from events.simulate.surfaces import Light, Materials, Target, texel
from events.simulate.textures import TILE_SIZE

_CAP = typed("float", np.float32(0.9999))
"""Local height from which a frustum's surface is its cap's."""


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def shade_parts(
    parts: Parts,
    placed: Placed,
    view: View,
    light: Light,
    materials: Materials,
    atlas: FloatArray,
    target: Target,
) -> None:
    """Draw the pixels whose nearest surface is a primitive's."""
    height, width = target.intensity.shape
    step = np.float32(1 / view.focal_px)
    px, py, pz = placed.origin.T
    for row in range(height):
        v = np.float32((view.centre_y_px - row) * step)
        for column in range(width):
            i = target.part_ids[row, column]
            if i < 0:
                continue
            u = np.float32((column - view.centre_x_px) * step)
            hit = target.depth_m[row, column]
            ray, half = placed.ray[i], parts.half_size_m[i]
            x = px[i] + hit * (ray[0, 0] * u + ray[0, 1] * v + ray[0, 2])
            y = py[i] + hit * (ray[1, 0] * u + ray[1, 1] * v + ray[1, 2])
            z = pz[i] + hit * (ray[2, 0] * u + ray[2, 1] * v + ray[2, 2])
            normal, along, across = _surface(parts.shape[i], parts.top_ratio[i], half, x, y, z)
            lit = _lit(placed.to_local[i], normal, light)
            surface = parts.material[i]
            density = materials.tiles_per_m[surface]
            texels_per_px = hit * step * density * np.float32(TILE_SIZE)
            texels = atlas[materials.tile[surface]]
            value = texel(texels, texels_per_px, along * density, across * density)
            target.intensity[row, column] = (
                lit * materials.albedo[surface] * (1 + materials.contrast[surface] * value)
            )


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy", inline="always")
def _surface(
    shape: int, ratio: float, half_m: FloatArray, x: float, y: float, z: float
) -> tuple[tuple[float, float, float], float, float]:
    """Return normal and texture coordinates in metres where a primitive was hit."""
    if shape == 1:
        if abs(x) > abs(y) and abs(x) > abs(z):
            return (x, ZERO, ZERO), z * half_m[2], y * half_m[1]
        if abs(y) > abs(z):
            return (ZERO, y, ZERO), x * half_m[0], z * half_m[2]
        return (ZERO, ZERO, z), x * half_m[0], y * half_m[1]
    if shape == 2 and abs(y) > _CAP:
        return (ZERO, y, ZERO), x * half_m[0], z * half_m[2]
    around = np.float32(math.atan2(x, z)) * half_m[0]
    if shape == 0:
        return (x, y, z), around, y * half_m[1]
    slope = (ratio - ONE) * HALF
    radius = (ratio + ONE) * HALF + slope * y
    return (x, -slope * radius, z), around, y * half_m[1]


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy", inline="always")
def _lit(to_local: FloatArray, normal: tuple[float, float, float], light: Light) -> float:
    """Return the light on a surface with a ``normal`` in a primitive's frame (Lambert)."""
    # normals go to the world by the transpose of what takes vectors from there
    x = to_local[0, 0] * normal[0] + to_local[1, 0] * normal[1] + to_local[2, 0] * normal[2]
    y = to_local[0, 1] * normal[0] + to_local[1, 1] * normal[1] + to_local[2, 1] * normal[2]
    z = to_local[0, 2] * normal[0] + to_local[1, 2] * normal[1] + to_local[2, 2] * normal[2]
    direction = light.direction
    facing = x * direction[0] + y * direction[1] + z * direction[2]
    facing /= math.sqrt(x * x + y * y + z * z)
    lit: float = light.level * (light.ambient + (1 - light.ambient) * max(facing, ZERO))
    return lit


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def shade_contacts(poses: FloatArray, radii_m: FloatArray, view: View, target: Target) -> None:
    """Darken the floor under and around objects, most where they touch it.

    Args:
        poses: (N, 5) x, y, z in metres, yaw, size; a lifted object's shadow is fainter.
        radii_m: (N,) of the shadows.
        view: The camera.
        target: Its intensity is changed in place.
    """
    height, width = target.intensity.shape
    step = np.float32(1 / view.focal_px)
    rotation, position = view.rotation, view.position_m
    for i in range(len(poses)):
        x, lift, z = poses[i, 0] - position[0], poses[i, 1], poses[i, 2] - position[2]
        radius = radii_m[i]
        depth = rotation[0, 2] * x - rotation[1, 2] * position[1] + rotation[2, 2] * z
        if depth < radius + np.float32(0.1):
            continue
        right = rotation[0, 0] * x - rotation[1, 0] * position[1] + rotation[2, 0] * z
        up = rotation[0, 1] * x - rotation[1, 1] * position[1] + rotation[2, 1] * z
        reach = int(radius / ((depth - radius) * step)) + 1
        centre_column = int(view.centre_x_px + right / (depth * step))
        centre_row = int(view.centre_y_px - up / (depth * step))
        strength = np.float32(0.55) / (1 + 3 * lift)
        for row in range(max(centre_row - reach, 0), min(centre_row + reach, height)):
            v = np.float32((view.centre_y_px - row) * step)
            for column in range(max(centre_column - reach, 0), min(centre_column + reach, width)):
                if target.part_ids[row, column] != -2:
                    continue
                u = np.float32((column - view.centre_x_px) * step)
                hit = target.depth_m[row, column]
                dx = hit * (rotation[0, 0] * u + rotation[0, 1] * v + rotation[0, 2]) - x
                dz = hit * (rotation[2, 0] * u + rotation[2, 1] * v + rotation[2, 2]) - z
                inside = 1 - (dx * dx + dz * dz) / (radius * radius)
                if inside > 0:
                    target.intensity[row, column] *= 1 - strength * inside * inside


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def blur(picture: FloatArray, rows: FloatArray, out: FloatArray) -> None:
    """Write ``picture`` blurred by [1 2 1] / 4 both ways and cut at 1; ``rows`` is scratch."""
    height, width = picture.shape
    for row in range(height):
        above, below = picture[max(row - 1, 0)], picture[min(row + 1, height - 1)]
        line, soft = picture[row], rows[row]
        for column in range(width):
            soft[column] = QUARTER * (above[column] + below[column]) + HALF * line[column]
        result = out[row]
        result[0], result[width - 1] = min(soft[0], ONE), min(soft[width - 1], ONE)
        for column in range(1, width - 1):
            value = QUARTER * (soft[column - 1] + soft[column + 1]) + HALF * soft[column]
            result[column] = min(value, ONE)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def label(
    part_ids: IntArray,
    object_index: IntArray,
    object_classes: npt.NDArray[np.uint8],
    class_ids: npt.NDArray[np.uint8],
    object_ids: npt.NDArray[np.uint8],
) -> None:
    """Turn primitives into classes (0 wall, 1 floor) and objects (0 none, else index + 1)."""
    for row in range(part_ids.shape[0]):
        for column in range(part_ids.shape[1]):
            i = part_ids[row, column]
            if i < 0:
                class_ids[row, column] = -1 - i
                object_ids[row, column] = 0
            else:
                index = object_index[i]
                class_ids[row, column] = object_classes[index]
                object_ids[row, column] = index + 1
