"""The torch twin of ``events.representations.voxel_grid``."""

# B windows, C channels, H height, W width

from __future__ import annotations

import torch
from torch import Tensor

from events.representations.letterbox import Letterbox
from events.representations.normalization import FLAT_VARIANCE, Normalization
from events.representations.voxel_grid import VoxelGridSpec
from models.representations.cells import Cells, DeviceEvents
from models.representations.gridder import Gridder
from models.representations.packed_events import PackedEvents

WEIGHT_ONE = 1 << 30
"""Weights are summed as whole numbers of this unit: the same sum in whatever order."""


class VoxelGridder(Gridder):
    """Makes voxel grids of a network's size."""

    def __init__(self, spec: VoxelGridSpec, letterbox: Letterbox, device: torch.device) -> None:
        self.letterbox = letterbox
        self._spec = spec
        self._cells = Cells(letterbox, device, is_direct=letterbox.scale <= 1)

    def grids(self, packed: PackedEvents) -> Tensor:
        placed = self._cells.placed(scatter_voxels(packed, self._spec, self._cells))
        return normalized(placed, self._spec.normalization).contiguous()


gridder = VoxelGridder


def scatter_voxels(packed: PackedEvents, spec: VoxelGridSpec, cells: Cells) -> Tensor:
    """Return the (B, C, cells) float32 grids of windows, not normalised."""
    events = cells.events(packed)
    num_bins = spec.num_bins
    elapsed_us, duration_us = _since_anchor(events, spec)
    if spec.placement == "trailing":
        factor, shift = num_bins / duration_us.double(), 1
    else:
        factor, shift = (num_bins - 1) / duration_us.double(), 0
    position = elapsed_us.double() * factor[events.window] - shift
    left = position.floor()
    right_weight = ((position - left) * WEIGHT_ONE).round().long()
    # One plane more at either end takes what lies outside, so that nothing must be masked.
    plane = left.long() + 1
    num_polarities = spec.num_channels // num_bins
    if num_polarities == 2:
        sign = torch.ones_like(right_weight)
        plane = plane + torch.where(events.is_on, 0, num_bins + 2)
    else:
        sign = torch.where(events.is_on, 1, -1)
    num_planes = num_polarities * (num_bins + 2)
    sums = cells.sums(events, plane, num_planes, sign * (WEIGHT_ONE - right_weight))
    sums += cells.sums(events, plane + 1, num_planes, sign * right_weight)
    planes = sums.unflatten(1, (num_polarities, num_bins + 2))[:, :, 1:-1].flatten(1, 2)
    return (planes.double() / WEIGHT_ONE).float()


def _since_anchor(events: DeviceEvents, spec: VoxelGridSpec) -> tuple[Tensor, Tensor]:
    """Return (N,) microseconds since the start that the spec means, and (B,) the spans' lengths."""
    if spec.anchor == "window" or not len(events.elapsed_us):
        return events.elapsed_us, events.duration_us.clamp(min=1)
    last_place = len(events.elapsed_us) - 1  # of a window without events any will do
    start_us = events.elapsed_us[events.first.clamp(max=last_place)]
    end = (events.first + events.num_events - 1).clamp(0, last_place)
    duration_us = (events.elapsed_us[end] - start_us).clamp(min=1)
    return events.elapsed_us - start_us[events.window], duration_us


def normalized(grids: Tensor, normalization: Normalization) -> Tensor:
    """Return (B, C, H, W), each normalised over its values that are not zero, if there are such."""
    if normalization == "none":
        return grids
    is_set = grids != 0
    over = (1, 2, 3)
    count = is_set.sum(over, keepdim=True).clamp(min=1)
    mean_square = grids.double().square().sum(over, keepdim=True) / count
    if normalization == "nonzero_rms":
        return (grids / mean_square.sqrt().clamp(min=1e-30)).float()
    mean = grids.double().sum(over, keepdim=True) / count
    deviation = torch.where(is_set, grids - mean, 0.0)
    variance = (deviation.square().sum(over, keepdim=True) / count).clamp(min=0)
    is_flat = variance <= FLAT_VARIANCE * mean_square
    return (deviation / torch.where(is_flat, 1.0, variance.sqrt())).float()
