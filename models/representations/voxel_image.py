"""The torch twin of ``events.representations.voxel_image``."""

from __future__ import annotations

import torch
from torch import Tensor

from events.representations.letterbox import Letterbox
from events.representations.voxel_image import CLIP_RMS, VoxelImageSpec
from models.representations.cells import Cells
from models.representations.eight_bit import quantized
from models.representations.gridder import Gridder
from models.representations.packed_events import PackedEvents
from models.representations.resample import Resampler
from models.representations.voxel_grid import scatter_voxels


class VoxelImageGridder(Gridder):
    """Makes voxel images of a network's size."""

    def __init__(self, spec: VoxelImageSpec, letterbox: Letterbox, device: torch.device) -> None:
        self.letterbox = letterbox
        self._spec = spec
        self._cells = Cells(letterbox, device, is_direct=False)
        self._resample = Resampler(letterbox, spec.interpolation, device)
        self._mean, self._std = (
            torch.tensor(values, dtype=torch.float64, device=device)[:, None, None]
            for values in (spec.mean, spec.std)
        )

    def grids(self, packed: PackedEvents) -> Tensor:
        cells = self._cells
        voxels = scatter_voxels(packed, self._spec.voxels, cells).double().flatten(1)
        low, high = self._range(voxels)
        extent = high - low
        # The last value is that of a voxel without events.
        values = torch.cat([voxels, voxels.new_zeros(len(voxels), 1)], dim=1)
        scaled = ((values - low) / torch.where(extent > 0, extent, 1.0)).clamp(0, 1)
        levels = quantized(torch.where(extent > 0, scaled, 0.5), self._spec.quantization).float()
        image = levels[:, :-1].unflatten(1, (3, cells.height, cells.width))
        resampled = self._resample(image, levels[:, -1, None, None, None])
        return ((resampled - self._mean) / self._std).float()

    def _range(self, voxels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the (B, 1) values of level 0 and level 1."""
        if self._spec.encoding == "min_max":
            return voxels.amin(1, keepdim=True), voxels.amax(1, keepdim=True)
        num = (voxels != 0).sum(1, keepdim=True).clamp(min=1)
        high = CLIP_RMS * (voxels.square().sum(1, keepdim=True) / num).sqrt()
        return -high, high


gridder = VoxelImageGridder
