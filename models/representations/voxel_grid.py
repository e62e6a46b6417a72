"""The torch twin of ``events.representations.voxel_grid``."""

from __future__ import annotations

import torch
from torch import Tensor

from events.packet import EventPacket
from events.representations.letterbox import Letterbox
from events.representations.normalization import FLAT_VARIANCE, Normalization
from events.representations.voxel_grid import VoxelGridSpec
from models.representations.cells import Cells
from models.representations.gridder import Gridder


class VoxelGridder(Gridder):
    """Makes voxel grids of a network's size."""

    def __init__(self, spec: VoxelGridSpec, letterbox: Letterbox, device: torch.device) -> None:
        self._spec = spec
        self._cells = Cells(letterbox, device, is_direct=letterbox.scale <= 1)

    def grid(self, packet: EventPacket) -> Tensor:
        placed = self._cells.placed(scatter_voxels(packet, self._spec, self._cells))
        return normalized(placed, self._spec.normalization).contiguous()


gridder = VoxelGridder


def scatter_voxels(packet: EventPacket, spec: VoxelGridSpec, cells: Cells) -> Tensor:
    """Return the (C, cells) float32 grid of a packet, not normalised."""
    start_us, end_us = packet.start_us, packet.end_us
    if spec.anchor == "events" and len(packet):
        start_us, end_us = int(packet.t[0]), int(packet.t[-1])
    duration_us = max(end_us - start_us, 1)
    num_bins, num_cells = spec.num_bins, cells.num_cells
    events = cells.events(packet)
    elapsed_us = (events.t_us - start_us).double()
    if spec.placement == "trailing":
        position = elapsed_us * (num_bins / duration_us) - 1
    else:
        position = elapsed_us * ((num_bins - 1) / duration_us)
    left = position.floor()
    right_weight = (position - left).float()
    # One plane more at either end takes what lies outside, so that nothing must be masked.
    plane = left.long() + 1
    num_polarities = spec.num_channels // num_bins
    if num_polarities == 2:
        sign = torch.ones_like(right_weight)
        plane = plane + torch.where(events.is_on, 0, num_bins + 2)
    else:
        sign = torch.where(events.is_on, 1.0, -1.0).to(right_weight)
    index = plane * num_cells + events.cell
    flat = torch.zeros(num_polarities * (num_bins + 2) * num_cells, device=cells.device)
    flat.index_add_(0, index, sign * (1 - right_weight))
    flat.index_add_(0, index + num_cells, sign * right_weight)
    planes = flat.view(num_polarities, num_bins + 2, num_cells)[:, 1:-1]
    return planes.reshape(spec.num_channels, num_cells)


def normalized(grid: Tensor, normalization: Normalization) -> Tensor:
    """Return ``grid`` normalised over its values that are not zero; unchanged where all are."""
    if normalization == "none":
        return grid
    is_set = grid != 0
    count = is_set.sum().clamp(min=1)
    mean_square = grid.double().square().sum() / count
    if normalization == "nonzero_rms":
        return (grid / mean_square.sqrt().clamp(min=1e-30)).float()
    mean = grid.double().sum() / count
    variance = (torch.where(is_set, grid - mean, 0.0).square().sum() / count).clamp(min=0)
    is_flat = variance <= FLAT_VARIANCE * mean_square
    scale = torch.where(is_flat, 1.0, variance.sqrt())
    return torch.where(is_set, (grid - mean) / scale, 0.0).float()
