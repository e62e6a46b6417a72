"""What voxel grids are measured against: a C loop and the usual numpy and torch ways.

All make the grid of ``VoxelGridSpec(placement="closed")``: signed, bilinear in time, and not
normalised.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket

Grid = npt.NDArray[np.float32]

C_SOURCE = """
#include <stdint.h>
#include <string.h>
typedef struct { int64_t t; uint16_t x, y; uint8_t p, padding[3]; } event_t;

static long first_at(const event_t *e, long low, long high, int64_t t) {
  while (low < high) { long i = (low + high) >> 1; if (e[i].t < t) low = i + 1; else high = i; }
  return low;
}

/* Events are sorted: interval by interval, with constant planes and no branch on polarity. */
void voxel_grid(const event_t *e, long n, int64_t start, int64_t duration, long bins, long height,
                long width, float *grid) {
  const long cells = height * width, last = bins - 1;
  const float scale = (float)last / (float)duration;
  memset(grid, 0, sizeof(float) * bins * cells);
  long i = 0;
  for (long k = 0; k < last; k++) {
    long end = first_at(e, i, n, start + ((k + 1) * duration + last - 1) / last);
    float *left = grid + k * cells, *right = left + cells;
    for (; i < end; i++) {
      float part = (float)(int32_t)(e[i].t - start) * scale - (float)k;
      float sign = (float)(2 * (e[i].p & 1) - 1), weight = sign * part;
      uint32_t cell = (uint32_t)e[i].y * (uint32_t)width + e[i].x;
      left[cell] += sign - weight;
      right[cell] += weight;
    }
  }
}

float read_all(const float *values, long n) {
  float sum = 0;
  for (long i = 0; i < n; i++) sum += values[i];
  return sum;
}

void scale_all(float *values, long n, float factor) {
  for (long i = 0; i < n; i++) values[i] *= factor;
}
"""


class CLoops:
    """The C loops, compiled with this machine's gcc."""

    def __init__(self, library: ctypes.CDLL) -> None:
        pointer, size, time = ctypes.c_void_p, ctypes.c_long, ctypes.c_int64
        self._voxel_grid = library.voxel_grid
        self._voxel_grid.argtypes = [pointer, size, time, time, size, size, size, pointer]
        self._read_all = library.read_all
        self._read_all.argtypes, self._read_all.restype = [pointer, size], ctypes.c_float
        self._scale_all = library.scale_all
        self._scale_all.argtypes = [pointer, size, ctypes.c_float]

    def voxel_grid(self, packet: EventPacket, grid: Grid) -> Grid:
        """Write the packet's grid to ``grid`` (B, H, W) and return it."""
        self._voxel_grid(
            packet.events.ctypes.data,
            len(packet),
            packet.start_us,
            packet.duration_us,
            *grid.shape,
            grid.ctypes.data,
        )
        return grid

    def touch(self, values: Grid) -> None:
        """Read all of ``values``, then read and write them: no normalisation moves less memory."""
        self._read_all(values.ctypes.data, values.size)
        self._scale_all(values.ctypes.data, values.size, 1.0)


def compile_c_loops() -> CLoops | None:
    """Return the compiled C loops, or None where there is no gcc that works."""
    library = compile_c(C_SOURCE)
    return None if library is None else CLoops(library)


def compile_c(source: str) -> ctypes.CDLL | None:
    """Return C compiled as fast as gcc can make it, or None where there is no gcc that works."""
    gcc = shutil.which("gcc")
    if gcc is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path, library = Path(folder, "loops.c"), Path(folder, "loops.so")
        path.write_text(source)
        flags = ["-O3", "-ffast-math", "-march=native", "-shared", "-fPIC"]
        command = [gcc, *flags, "-o", str(library), str(path)]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return None
        return ctypes.CDLL(str(library))


def add_at_grid(packet: EventPacket, num_bins: int, *, dtype: type = np.float32) -> Grid:
    """Return the grid by ``np.add.at``; with ``dtype`` float64 the usual, slow mix of types."""
    height, width = packet.sensor.height, packet.sensor.width
    grid = np.zeros(num_bins * height * width, np.float32)
    position = (packet.t - packet.start_us).astype(np.float32)
    position *= np.float32((num_bins - 1) / packet.duration_us)
    plane = position.astype(np.int32)
    sign = packet.p.astype(np.float32) * 2 - 1
    weight = sign * (position - plane.astype(np.float32))
    cell = packet.y.astype(np.int32) * width + packet.x + plane * (height * width)
    np.add.at(grid, cell, (sign - weight).astype(dtype))
    np.add.at(grid, cell + height * width, weight.astype(dtype))
    return grid.reshape(num_bins, height, width)


def index_add_grid(packet: EventPacket, num_bins: int) -> Grid:
    """Return the grid by torch's ``index_add_`` on the CPU, with as many threads as torch has."""
    import torch

    height, width = packet.sensor.height, packet.sensor.width
    position = torch.from_numpy(packet.t - packet.start_us).to(torch.float32)
    position *= (num_bins - 1) / packet.duration_us
    plane = position.to(torch.int64)
    sign = torch.from_numpy(packet.p.astype(np.float32)) * 2 - 1
    weight = sign * (position - plane)
    cell = torch.from_numpy(packet.y.astype(np.int64)) * width + plane * (height * width)
    cell += torch.from_numpy(packet.x.astype(np.int64))
    grid = torch.zeros(num_bins * height * width)
    grid.index_add_(0, cell, sign - weight)
    grid.index_add_(0, cell + height * width, weight)
    values: Grid = grid.view(num_bins, height, width).numpy()
    return values
