"""The torch twin of ``events.representations.voxel_grid``."""

from __future__ import annotations

import logging
from importlib.util import find_spec

import torch
from torch import Tensor

from events.representations.letterbox import Letterbox
from events.representations.voxel_grid import VoxelGridSpec
from models.representations.cells import Cells, DeviceEvents
from models.representations.gridder import Duration, Gridder
from models.representations.normalization import normalized

logger = logging.getLogger(__name__)


class VoxelGridder(Gridder):
    """Makes voxel grids of a network's size; on CUDA by fused kernels, where Triton starts."""

    def __init__(self, spec: VoxelGridSpec, letterbox: Letterbox) -> None:
        super().__init__(letterbox, is_direct=letterbox.scale <= 1)
        self.max_duration_us = Gridder.max_duration_us // spec.num_bins
        self.spec = spec
        self.is_fused = self.cells.is_direct and find_spec("triton") is not None

    def unpacked(self, rows: Tensor) -> Tensor:
        if rows.is_cuda and self.is_fused:
            try:
                from models.voxel_kernels import voxels_from_packed

                return voxels_from_packed(rows, self.spec, self.cells)[None]
            except Exception:  # its compiler's errors share no base; it fails at the first call
                logger.warning("Triton does not start: the grid is made by torch", exc_info=True)
                self.is_fused = False
        return super().unpacked(rows)

    def stacked(self, rows: Tensor) -> Tensor:
        if rows.is_cuda and self.is_fused:
            return torch.cat([self.unpacked(each) for each in rows])
        return super().stacked(rows)

    def planes(self, events: DeviceEvents, duration_us: Duration) -> Tensor:
        voxels = scatter_voxels(events, duration_us, self.spec, self.cells)
        return normalized(self.cells.placed(voxels), self.spec.normalization).contiguous()


gridder = VoxelGridder


def scatter_voxels(
    events: DeviceEvents, duration_us: Duration, spec: VoxelGridSpec, cells: Cells
) -> Tensor:
    """Return the (C, cells) float32 grid of a window, not normalised."""
    num_bins, num_cells = spec.num_bins, cells.num_cells
    is_trailing = spec.placement == "trailing"
    elapsed_us, duration_us = _elapsed(events, duration_us, spec)
    # In whole numbers, so that an event on a plane has no trace of a weight in the next one.
    scaled = elapsed_us * (num_bins if is_trailing else num_bins - 1)
    interval = scaled // duration_us
    right_weight = (scaled - interval * duration_us).float() / duration_us
    # One plane more at either end takes what lies outside, so that nothing must be masked.
    plane = interval if is_trailing else interval + 1
    weight = events.is_real.float()
    num_polarities = spec.num_channels // num_bins
    if num_polarities == 2:
        plane = plane + torch.where(events.is_on, 0, num_bins + 2)
    else:
        weight = torch.where(events.is_on, weight, -weight)
    index = plane.long() * num_cells + events.cell
    flat = weight.new_zeros(num_polarities * (num_bins + 2) * num_cells)
    flat.scatter_add_(0, index, weight * (1 - right_weight))
    flat.scatter_add_(0, index + num_cells, weight * right_weight)
    planes = flat.view(num_polarities, num_bins + 2, num_cells)[:, 1:-1]
    return planes.reshape(spec.num_channels, num_cells)


def _elapsed(
    events: DeviceEvents, duration_us: Duration, spec: VoxelGridSpec
) -> tuple[Tensor, Duration]:
    """Return times since the anchored start, (N,) in [0, duration], and the duration."""
    t_us = events.t_us
    if spec.anchor == "window":
        longest = duration_us if isinstance(duration_us, Tensor) else t_us.new_tensor(duration_us)
        return t_us.clamp(min=0).minimum(longest), duration_us
    start_us = t_us[:1]  # the oldest event; without any, padding's 0
    elapsed_us = (t_us - start_us).clamp(min=0)
    return elapsed_us, elapsed_us.max().clamp(min=1)
