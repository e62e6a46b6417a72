"""Procedural texture tiles with mip levels, made once and shared by all scenes."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

TILE_SIZE = 256
"""Texels along a tile's side; tiles wrap."""
NUM_LEVELS = 7
"""Each mip level halves the one before: 256, 128, ... 4 texels."""
LEVEL_OFFSETS = np.concatenate(
    ([0], np.cumsum([(TILE_SIZE >> level) ** 2 for level in range(NUM_LEVELS)]))
).astype(np.int64)
"""Where each level begins in a tile's row of the atlas."""

_SEED = 20260
_NOISES = ((3, 5), (4, 2), (6, 4), (8, 2), (12, 3), (16, 2), (24, 2))
NUM_NOISE_TILES = len(_NOISES)
"""So many tiles, the atlas's first, are plain noise; the others are regular patterns."""


def _value_noise(random: np.random.Generator, cells: int, octaves: int) -> FloatArray:
    """Return a (TILE_SIZE, TILE_SIZE) tile of smooth noise with ``cells`` bumps along a side."""
    total = np.zeros((TILE_SIZE, TILE_SIZE))
    for octave in range(octaves):
        num = cells << octave
        if num > TILE_SIZE // 2:
            break
        knots = random.uniform(-1, 1, (num, num))
        position = np.arange(TILE_SIZE) * num / TILE_SIZE
        left = position.astype(int)
        weight = position - left
        weight = weight * weight * (3 - 2 * weight)
        right = (left + 1) % num
        rows = knots[left] * (1 - weight[:, None]) + knots[right] * weight[:, None]
        columns = rows[:, left] * (1 - weight) + rows[:, right] * weight
        total += columns * 0.6**octave
    return _normalized(total)


def _normalized(tile: npt.NDArray[np.float64]) -> FloatArray:
    """Return the tile with zero mean and values in [-1, 1]."""
    tile = tile - tile.mean()
    tile = np.clip(tile / (2 * tile.std()), -1, 1)
    tile -= tile.mean()
    return tile.astype(np.float32)


def _patterns(random: np.random.Generator) -> list[FloatArray]:
    """Return the regular tiles: checkers, stripes, dots, bricks, planks."""
    v, u = np.mgrid[:TILE_SIZE, :TILE_SIZE] / TILE_SIZE
    tiles: list[npt.NDArray[np.float64]] = []
    tiles += [np.sign(np.sin(2 * np.pi * n * u) * np.sin(2 * np.pi * n * v)) for n in (2, 4)]
    tiles += [np.sign(np.sin(2 * np.pi * n * u)) for n in (3, 6)]
    tiles += [np.sign(np.sin(2 * np.pi * n * v)) for n in (3, 6)]
    tiles += [np.where(np.hypot(u * n % 1 - 0.5, v * n % 1 - 0.5) < 0.3, 1.0, -1.0) for n in (3, 6)]
    for rows, columns in ((8, 4), (4, 2), (6, 1)):
        row = np.floor(v * rows)
        across = u * columns + 0.5 * (row % 2)
        shades = random.uniform(-1, 1, (rows, columns))
        shade = shades[row.astype(int), np.floor(across).astype(int) % columns]
        is_joint = (v * rows % 1 < 0.1) | (across % 1 < 0.1 * columns / rows)
        tiles.append(np.where(is_joint, -1.5, shade))
    grain = _value_noise(random, 16, 3)
    return [_normalized(tile + 0.25 * grain) for tile in tiles]


@functools.cache
def texture_atlas() -> FloatArray:
    """Return (num_tiles, texels of all levels) float32 in [-1, 1]; read-only, always the same.

    Row i holds tile i at every mip level, one after the other at LEVEL_OFFSETS, each row by row.
    """
    random = np.random.default_rng(_SEED)
    tiles = [_value_noise(random, cells, octaves) for cells, octaves in _NOISES]
    tiles += _patterns(random)
    atlas = np.empty((len(tiles), LEVEL_OFFSETS[-1]), np.float32)
    for row, tile in zip(atlas, tiles, strict=True):
        texels: npt.NDArray[np.floating] = tile
        for start, end in itertools.pairwise(LEVEL_OFFSETS):
            row[start:end] = texels.reshape(-1)
            texels = (texels[::2] + texels[1::2]) / 2
            texels = (texels[:, ::2] + texels[:, 1::2]) / 2
    atlas.flags.writeable = False
    return atlas
