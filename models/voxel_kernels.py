"""The voxel grid from packed rows in four launches on an NVIDIA GPU, in Triton, which torch brings.

Triton reads the kernels' annotations, and knows those of tl.constexpr only.

The torch form of the same (``voxel_grid``) starts about thirty kernels and moves some 150 bytes an
event between them. Here the rows are read once. The floor of memory traffic is ``floor_bytes``.
"""

from __future__ import annotations

import torch
import triton  # type: ignore[import-not-found, import-untyped, unused-ignore]
import triton.language as tl  # type: ignore[import-not-found, import-untyped, unused-ignore]
from torch import Tensor

from events.representations.normalization import FLAT_VARIANCE
from events.representations.voxel_grid import VoxelGridSpec
from models.representations.cells import Cells
from models.representations.packed import NUM_HEADER_ROWS

EVENTS_PER_PROGRAM = 512
VALUES_PER_PROGRAM = 4096


def voxels_from_packed(rows: Tensor, spec: VoxelGridSpec, cells: Cells) -> Tensor:
    """Return the (C, height, width) float32 network input of (2 + N, 2) int64 packed rows.

    Args:
        rows: On the GPU; see ``packed``.
        spec: Of the grid.
        cells: Those of the network's input, not of a smaller sensor.
    """
    shape = (spec.num_channels, cells.height, cells.width)
    grid = torch.zeros(shape, device=rows.device)
    num_rows = len(rows) - NUM_HEADER_ROWS
    _scatter[(triton.cdiv(num_rows, EVENTS_PER_PROGRAM),)](
        rows.view(torch.int32),
        cells.rows,
        cells.columns,
        grid,
        len(cells.rows),
        len(cells.columns),
        cells.num_cells,
        NUM_BINS=spec.num_bins,
        IS_TRAILING=spec.placement == "trailing",
        IS_SIGNED=spec.polarity == "signed",
        IS_ANCHORED_ON_EVENTS=spec.anchor == "events",
        BLOCK=EVENTS_PER_PROGRAM,
    )
    if spec.normalization == "none":
        return grid
    num_programs = triton.cdiv(grid.numel(), VALUES_PER_PROGRAM)
    sums = torch.empty((3, num_programs), dtype=torch.float64, device=rows.device)
    _moments[(num_programs,)](grid, sums, grid.numel(), num_programs, BLOCK=VALUES_PER_PROGRAM)
    _normalize[(num_programs,)](
        grid,
        sums,
        grid.numel(),
        num_programs,
        FLAT=FLAT_VARIANCE,
        HAS_MEAN=spec.normalization == "nonzero_mean_std",
        NUM_SUMS=triton.next_power_of_2(num_programs),
        BLOCK=VALUES_PER_PROGRAM,
    )
    return grid


@triton.jit  # type: ignore[untyped-decorator]
def _scatter(  # type: ignore[no-untyped-def]
    rows,
    row_cells,
    column_cells,
    grid,
    num_rows,
    num_columns,
    num_cells,
    NUM_BINS: tl.constexpr,
    IS_TRAILING: tl.constexpr,
    IS_SIGNED: tl.constexpr,
    IS_ANCHORED_ON_EVENTS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Add events to the two planes beside them; ``rows`` as int32, four to a row."""
    num_events = tl.load(rows + 4)
    start = tl.load(rows)  # the low half: times lie less than 2^31 us apart
    duration = tl.load(rows + 2)
    if IS_ANCHORED_ON_EVENTS:
        start = tl.load(rows + 8, mask=num_events > 0, other=0)
        newest = tl.load(rows + 8 + 4 * (tl.maximum(num_events, 1) - 1))
        duration = tl.maximum(newest - start, 1)
    event = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    is_real = event < num_events
    word = rows + 8 + 4 * event
    elapsed = tl.load(word, mask=is_real, other=0) - start
    elapsed = tl.minimum(tl.maximum(elapsed, 0), duration)
    pixel = tl.load(word + 2, mask=is_real, other=0)
    is_on = (tl.load(word + 3, mask=is_real, other=0) & 1) > 0
    x = tl.minimum(pixel & 0xFFFF, num_columns - 1)
    y = tl.minimum((pixel >> 16) & 0xFFFF, num_rows - 1)
    cell = tl.load(row_cells + y) + tl.load(column_cells + x)

    scaled = elapsed * (NUM_BINS if IS_TRAILING else NUM_BINS - 1)
    interval = scaled // duration
    right_weight = (scaled - interval * duration).to(tl.float32) / duration.to(tl.float32)
    left = interval - 1 if IS_TRAILING else interval
    sign = tl.where(is_on, 1.0, -1.0) if IS_SIGNED else tl.full((BLOCK,), 1.0, tl.float32)
    channel = left if IS_SIGNED else left + tl.where(is_on, 0, NUM_BINS)
    target = grid + channel.to(tl.int64) * num_cells + cell
    has_left = is_real & (left >= 0) & (left < NUM_BINS)
    has_right = is_real & (left < NUM_BINS - 1) & (right_weight > 0)
    tl.atomic_add(target, sign * (1 - right_weight), mask=has_left, sem="relaxed")
    tl.atomic_add(target + num_cells, sign * right_weight, mask=has_right, sem="relaxed")


@triton.jit  # type: ignore[untyped-decorator]
def _moments(  # type: ignore[no-untyped-def]
    grid, sums, num_values, num_programs, BLOCK: tl.constexpr
):
    """Write each program's number of values that are not zero, their sum and sum of squares."""
    program = tl.program_id(0)
    index = program * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(grid + index, mask=index < num_values, other=0.0).to(tl.float64)
    tl.store(sums + program, tl.sum((value != 0).to(tl.float64)))
    tl.store(sums + num_programs + program, tl.sum(value))
    tl.store(sums + 2 * num_programs + program, tl.sum(value * value))


@triton.jit  # type: ignore[untyped-decorator]
def _normalize(  # type: ignore[no-untyped-def]
    grid,
    sums,
    num_values,
    num_programs,
    FLAT: tl.constexpr,
    HAS_MEAN: tl.constexpr,
    NUM_SUMS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Normalise in place; each program adds up all sums, which a cache holds, for itself."""
    part = tl.arange(0, NUM_SUMS)
    is_part = part < num_programs
    count = tl.maximum(tl.sum(tl.load(sums + part, mask=is_part, other=0.0)), 1.0)
    total = tl.sum(tl.load(sums + num_programs + part, mask=is_part, other=0.0))
    squares = tl.sum(tl.load(sums + 2 * num_programs + part, mask=is_part, other=0.0))
    mean_square = squares / count
    mean = total / count if HAS_MEAN else 0.0 * total
    variance = mean_square - mean * mean
    is_flat = variance <= FLAT * mean_square
    factor = tl.where(is_flat, 1.0, 1.0 / tl.sqrt(tl.where(is_flat, 1.0, variance)))
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(grid + index, mask=index < num_values, other=0.0)
    scaled = (value - mean.to(tl.float32)) * factor.to(tl.float32)
    tl.store(grid + index, tl.where(value != 0, scaled, 0.0), mask=index < num_values)
