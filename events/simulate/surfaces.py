"""What surfaces of a synthetic scene look like: materials, light, and the lookup of texture."""

from __future__ import annotations

from typing import NamedTuple
from typing import cast as typed

import numba
import numpy as np

from events.simulate.raycast import HALF, FloatArray, IntArray
from events.simulate.textures import LEVEL_OFFSETS, NUM_LEVELS, TILE_SIZE

GROUND, WALL = 0, 1
"""Rows of the materials that the room wears; objects' follow."""

_SHARPEST_TEXELS = typed("float", np.float32(1.4))
"""A pixel may span this many texels of the level it reads; more would flicker."""


class Materials(NamedTuple):
    """What surfaces look like; K of them."""

    tile: IntArray
    """(K,) row of the texture atlas."""
    tiles_per_m: FloatArray
    """(K,)"""
    albedo: FloatArray
    """(K,) mean reflectance."""
    contrast: FloatArray
    """(K,) texture's swing around the albedo, relative."""


class Room(NamedTuple):
    """A textured floor at y = 0 within four walls without end upwards."""

    half_x_m: float
    half_z_m: float


class Light(NamedTuple):
    """One far lamp and light from everywhere."""

    direction: FloatArray
    """(3,) unit vector towards the lamp, world axes."""
    ambient: float
    """Share of light that comes from everywhere."""
    level: float
    """Brightness of everything."""


class Target(NamedTuple):
    """The pictures of one frame, (H, W) each."""

    intensity: FloatArray
    depth_m: FloatArray
    part_ids: IntArray


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def texel(texels: FloatArray, texels_per_px: float, u: float, v: float) -> float:
    """Return a tile's value at (u, v), in tiles, between texels bilinearly.

    Args:
        texels: One row of the texture atlas.
        texels_per_px: Of the finest level; decides the level.
        u: Column.
        v: Row.
    """
    level = 0
    while texels_per_px > _SHARPEST_TEXELS and level < NUM_LEVELS - 1:
        texels_per_px *= HALF
        level += 1
    size = np.uint32(TILE_SIZE >> level)
    mask = np.uint32(size - 1)
    x, y = u * np.float32(size), v * np.float32(size)
    floor_x, floor_y = np.floor(x), np.floor(y)
    fx, fy = x - floor_x, y - floor_y
    column, row = np.uint32(np.int32(floor_x)), np.uint32(np.int32(floor_y))
    left, right = column & mask, (column + np.uint32(1)) & mask
    top = LEVEL_OFFSETS[level] + (row & mask) * size
    bottom = LEVEL_OFFSETS[level] + ((row + np.uint32(1)) & mask) * size
    upper = texels[top + left] + (texels[top + right] - texels[top + left]) * fx
    lower = texels[bottom + left] + (texels[bottom + right] - texels[bottom + left]) * fx
    value: float = upper + (lower - upper) * fy
    return value
