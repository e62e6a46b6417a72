"""What the published encoders' representations are measured against: C loops and the numpy way.

All make what ``Spec.build`` makes, of the sensor's size.
"""

from __future__ import annotations

import ctypes

import numpy as np
import numpy.typing as npt

from app.bench.voxel_baselines import CLoops, Grid, add_at_grid, compile_c
from events.packet import EventPacket
from events.representations.colors import mean_and_gain
from events.representations.count_map import CountMapSpec
from events.representations.red_blue import RedBlueSpec
from events.representations.voxel_image import VoxelImageSpec

C_SOURCE = """
#include <math.h>
#include <stdint.h>
#include <string.h>
typedef struct { int64_t t; uint16_t x, y; uint8_t p, padding[3]; } event_t;

/* Like ours: how many cells came to k events is counted on the way, for the percentile. */
static void count(const event_t *e, long n, long width, long cells, uint32_t *planes,
                  uint32_t *reached, long stride) {
  memset(planes, 0, sizeof(uint32_t) * 2 * cells);
  for (long i = 0; i < n; i++) {
    uint32_t off = (uint32_t)(1 - (e[i].p & 1));
    uint32_t cell = (uint32_t)e[i].y * (uint32_t)width + e[i].x + off * (uint32_t)cells;
    uint32_t number = ++planes[cell];
    if (reached) reached[off * stride + number]++;
  }
}

static float percentile(const uint32_t *reached, long size, float percent) {
  long number = size > 1 ? reached[1] : 0, low = 1;
  if (number == 0) return 1;
  double position = percent / 100.0 * (number - 1);
  long rank = (long)position;
  while (low + 1 < size && reached[low + 1] >= number - rank) low++;
  long high = low;
  while (high + 1 < size && reached[high + 1] >= (number - rank > 1 ? number - rank - 1 : 1))
    high++;
  return (float)(low + (high - low) * (position - rank));
}

void count_map(const event_t *e, long n, long height, long width, float *out) {
  const long cells = height * width;
  uint32_t *on = (uint32_t *)(out + cells), *off = on + cells, most_on = 0, most_off = 0;
  count(e, n, width, cells, on, 0, 0);
  for (long i = 0; i < 2 * cells; i++)
    if (i < cells) most_on = on[i] > most_on ? on[i] : most_on;
    else most_off = on[i] > most_off ? on[i] : most_off;
  const float on_gain = 1.0f / (most_on + 1), off_gain = 1.0f / (most_off + 1);
  for (long i = 0; i < cells; i++) out[i] = on[i] * on_gain + off[i] * off_gain - 1;
  memcpy(out + cells, out, sizeof(float) * cells);
  memcpy(out + 2 * cells, out, sizeof(float) * cells);
}

void count_chunks(const event_t *e, long n, long chunks, long height, long width, float *out) {
  const long cells = height * width;
  memset(out, 0, sizeof(float) * 2 * chunks * cells);
  for (long k = 0; k < chunks; k++, out += 2 * cells)
    for (long i = k * n / chunks; i < (k + 1) * n / chunks; i++)
      out[(1 - (e[i].p & 1)) * cells + (uint32_t)e[i].y * (uint32_t)width + e[i].x] += 1;
}

void red_blue(const event_t *e, long n, long height, long width, float percent, const float *mean,
              const float *gain, uint32_t *reached, float *red) {
  const long cells = height * width, stride = n + 1;
  float *green = red + cells, *blue = green + cells;
  uint32_t *on = (uint32_t *)green, *off = (uint32_t *)blue;
  memset(reached, 0, sizeof(uint32_t) * 2 * stride);
  count(e, n, width, cells, on, reached, stride);
  const float top_on = percentile(reached, stride, percent);
  const float top_off = percentile(reached + stride, stride, percent);
  for (long i = 0; i < cells; i++) {
    float a = on[i] / top_on, b = off[i] / top_off;
    a = a < 1 ? a : 1;
    b = b < 1 ? b : 1;
    red[i] = a >= b ? a : -b;
  }
  for (long i = 0; i < cells; i++) {
    float share = red[i], a = share > 0 ? share : 0, b = share < 0 ? -share : 0;
    a = floorf(255.001f - 255 * a) * (1 / 255.0f);
    b = floorf(255.001f - 255 * b) * (1 / 255.0f);
    red[i] = (b - mean[0]) * gain[0];
    green[i] = (a + b - 1 - mean[1]) * gain[1];
    blue[i] = (a - mean[2]) * gain[2];
  }
}

void encode(float *grid, long cells, const float *mean, const float *gain) {
  float low = grid[0], high = grid[0];
  for (long i = 0; i < 3 * cells; i++) {
    low = grid[i] < low ? grid[i] : low;
    high = grid[i] > high ? grid[i] : high;
  }
  const float scale = 255 / (high - low), offset = -low * scale;
  for (long k = 0; k < 3; k++, grid += cells)
    for (long i = 0; i < cells; i++) {
      float step = floorf(grid[i] * scale + offset + 0.001f);
      grid[i] = (step * (1 / 255.0f) - mean[k]) * gain[k];
    }
}
"""


class PublishedCLoops:
    """The C loops, compiled with this machine's gcc."""

    def __init__(self, library: ctypes.CDLL, voxels: CLoops) -> None:
        self._library = library
        self._voxels = voxels
        pointer, size, real = ctypes.c_void_p, ctypes.c_long, ctypes.c_float
        library.count_map.argtypes = [pointer, size, size, size, pointer]
        library.count_chunks.argtypes = [pointer, size, size, size, size, pointer]
        floats = [pointer, pointer, pointer, pointer]
        library.red_blue.argtypes = [pointer, size, size, size, real, *floats]
        library.encode.argtypes = [pointer, size, pointer, pointer]

    def count_map(self, packet: EventPacket, out: Grid) -> Grid:
        """Write the release's form to ``out`` (3, H, W) and return it."""
        self._library.count_map(*_start(packet), *out.shape[1:], out.ctypes.data)
        return out

    def count_chunks(self, packet: EventPacket, out: Grid) -> Grid:
        """Write counts to ``out`` (2 K, H, W) and return it."""
        shape = (len(out) // 2, *out.shape[1:])
        self._library.count_chunks(*_start(packet), *shape, out.ctypes.data)
        return out

    def red_blue(self, packet: EventPacket, spec: RedBlueSpec, out: Grid) -> Grid:
        """Write the image, its 8 bits truncated, to ``out`` (3, H, W) and return it."""
        mean, gain = mean_and_gain(spec.mean, spec.std)
        reached = np.empty(2 * (len(packet) + 1), np.uint32)
        arrays = (array.ctypes.data for array in (mean, gain, reached, out))
        self._library.red_blue(*_start(packet), *out.shape[1:], spec.percentile, *arrays)
        return out

    def voxel_image(self, packet: EventPacket, spec: VoxelImageSpec, out: Grid) -> Grid:
        """Write the window's closed grid by least and largest to ``out`` (3, H, W); return it."""
        mean, gain = mean_and_gain(spec.mean, spec.std)
        self._voxels.voxel_grid(packet, out)
        self._library.encode(out.ctypes.data, out[0].size, mean.ctypes.data, gain.ctypes.data)
        return out


def compile_published_c_loops(voxels: CLoops | None) -> PublishedCLoops | None:
    """Return the compiled C loops, or None where there is no gcc that works."""
    library = compile_c(C_SOURCE)
    return None if library is None or voxels is None else PublishedCLoops(library, voxels)


def _start(packet: EventPacket) -> tuple[int, int]:
    return packet.events.ctypes.data, len(packet)


def _add_at_counts(packet: EventPacket, num_chunks: int = 1) -> npt.NDArray[np.float32]:
    """Return (2 K, H, W) counts by ``np.add.at``, all of one type: its fast path."""
    height, width = packet.sensor.height, packet.sensor.width
    chunk = np.arange(len(packet)) * num_chunks // max(len(packet), 1)
    plane = 2 * chunk + (1 - packet.p.astype(np.int64))
    cell = (plane * height + packet.y) * width + packet.x
    counts = np.zeros(2 * num_chunks * height * width, np.float32)
    np.add.at(counts, cell, np.float32(1))
    return counts.reshape(-1, height, width)


def add_at_count_map(packet: EventPacket, spec: CountMapSpec) -> Grid:
    """Return the release's form by ``np.add.at``."""
    counts = _add_at_counts(packet)
    level = (2 * (counts / (counts.max(axis=(1, 2), keepdims=True) + 1) - 0.5)).mean(axis=0)
    return np.repeat(level[None], 3, axis=0)


def add_at_count_chunks(packet: EventPacket, num_chunks: int) -> Grid:
    """Return counts by ``np.add.at``."""
    return _add_at_counts(packet, num_chunks)


def add_at_red_blue(packet: EventPacket, spec: RedBlueSpec) -> Grid:
    """Return the image, its 8 bits truncated, by ``np.add.at`` and ``np.percentile``."""
    counts = _add_at_counts(packet)
    full = [np.percentile(c[c > 0], spec.percentile) if c.any() else 1 for c in counts]
    on, off = np.minimum(counts / np.array(full, np.float32)[:, None, None], 1)
    is_on = on >= off
    on, off = on * is_on, off * ~is_on
    image = np.floor(np.stack([1 - off, 1 - on - off, 1 - on]) * 255 + np.float32(1e-3))
    return _normalized(image, spec)


def add_at_voxel_image(packet: EventPacket, spec: VoxelImageSpec) -> Grid:
    """Return the window's closed grid by least and largest, made by ``np.add.at``."""
    grid = add_at_grid(packet, 3)
    low, high = grid.min(), grid.max()
    image = np.floor((grid - low) / (high - low) * 255 + np.float32(1e-3))
    return _normalized(image, spec)


def _normalized(image: Grid, spec: RedBlueSpec | VoxelImageSpec) -> Grid:
    mean, gain = (values[:, None, None] for values in mean_and_gain(spec.mean, spec.std))
    normalized: Grid = (image / np.float32(255) - mean) * gain
    return normalized
