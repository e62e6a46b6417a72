"""Compiled drawing of the room around a synthetic scene: a floor and four walls."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from events.simulate.raycast import ONE, ZERO, FloatArray, IntArray, View, away_from_zero
from events.simulate.surfaces import GROUND, WALL, Light, Materials, Room, Target, texel
from events.simulate.textures import TILE_SIZE


class _Line(NamedTuple):
    """One row of the room's surfaces, (W,) each."""

    is_floor: IntArray
    along: FloatArray
    """Texture coordinate in tiles."""
    across: FloatArray
    """Texture coordinate in tiles."""
    texels_per_px: FloatArray
    light: FloatArray


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def shade_room(
    view: View, room: Room, light: Light, materials: Materials, atlas: FloatArray, target: Target
) -> None:
    """Draw floor and walls wherever no primitive is in front; part ids -1 wall, -2 floor."""
    height, width = target.intensity.shape
    line = _Line(
        np.empty(width, np.int32),
        np.empty(width, np.float32),
        np.empty(width, np.float32),
        np.empty(width, np.float32),
        np.empty(width, np.float32),
    )
    diffuse = 1 - light.ambient
    lights = np.empty(3, np.float32)
    lights[0] = light.level * (light.ambient + diffuse * max(light.direction[1], 0))
    # the lamp shines on both walls of a pair alike
    lights[1] = light.level * (light.ambient + diffuse * abs(light.direction[0]))
    lights[2] = light.level * (light.ambient + diffuse * abs(light.direction[2]))
    floor, wall = atlas[materials.tile[GROUND]], atlas[materials.tile[WALL]]
    for row in range(height):
        depths, ids = target.depth_m[row], target.part_ids[row]
        _hit_room(view, room, lights, materials.tiles_per_m, row, line, depths, ids)
        picture = target.intensity[row]
        for k in range(width):
            if ids[k] >= 0:
                continue
            is_floor = line.is_floor[k]
            value = texel(
                floor if is_floor else wall, line.texels_per_px[k], line.along[k], line.across[k]
            )
            surface = GROUND if is_floor else WALL
            contrast = materials.contrast[surface]
            picture[k] = line.light[k] * materials.albedo[surface] * (ONE + contrast * value)


@numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
def _hit_room(
    view: View,
    room: Room,
    lights: FloatArray,
    tiles_per_m: FloatArray,
    row: int,
    line: _Line,
    depths: FloatArray,
    ids: IntArray,
) -> None:
    """Find where one row's rays meet floor or walls; update depths and part ids where nearest."""
    step = np.float32(1 / view.focal_px)
    rotation = view.rotation
    px, py, pz = view.position_m
    half_x, half_z = np.float32(room.half_x_m), np.float32(room.half_z_m)
    floor_light, wall_x_light, wall_z_light = lights
    floor_tiles, wall_tiles = tiles_per_m[GROUND], tiles_per_m[WALL]
    texel_size = np.float32(TILE_SIZE) * step
    u = np.float32(-view.centre_x_px * step)
    v = np.float32((view.centre_y_px - row) * step)
    start_x = rotation[0, 0] * u + rotation[0, 1] * v + rotation[0, 2]
    start_y = rotation[1, 0] * u + rotation[1, 1] * v + rotation[1, 2]
    start_z = rotation[2, 0] * u + rotation[2, 1] * v + rotation[2, 2]
    step_x, step_y, step_z = rotation[0, 0] * step, rotation[1, 0] * step, rotation[2, 0] * step
    for k in range(len(depths)):  # no branches: it compiles to vector instructions
        place = np.float32(k)
        x = away_from_zero(start_x + step_x * place)
        y = away_from_zero(start_y + step_y * place)
        z = away_from_zero(start_z + step_z * place)
        to_x = ((half_x if x > ZERO else -half_x) - px) / x
        to_z = ((half_z if z > ZERO else -half_z) - pz) / z
        to_wall = min(to_x, to_z)
        to_floor = -py / y
        is_floor = (y < ZERO) & (to_floor < to_wall)
        is_x = to_x < to_z
        hit = to_floor if is_floor else to_wall
        tiles = floor_tiles if is_floor else wall_tiles
        x_m, z_m = px + hit * x, pz + hit * z
        line.is_floor[k] = 1 if is_floor else 0
        line.along[k] = tiles * (x_m if is_floor else (z_m if is_x else x_m))
        line.across[k] = tiles * (z_m if is_floor else py + hit * y)
        stretch = ONE / math.sqrt(abs(y)) if is_floor else ONE
        line.texels_per_px[k] = hit * tiles * texel_size * stretch
        line.light[k] = floor_light if is_floor else (wall_x_light if is_x else wall_z_light)
        is_nearest = hit < depths[k]
        depths[k] = hit if is_nearest else depths[k]
        ids[k] = (-2 if is_floor else -1) if is_nearest else ids[k]
