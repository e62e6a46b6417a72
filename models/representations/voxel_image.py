"""The torch twin of ``events.representations.voxel_image``."""

from __future__ import annotations

import torch
from torch import Tensor

from events.representations.letterbox import Letterbox
from events.representations.voxel_image import CLIP_RMS, VoxelImageSpec
from models.representations.cells import DeviceEvents
from models.representations.colors import Standardize
from models.representations.eight_bit import quantized
from models.representations.gridder import Duration, Gridder
from models.representations.normalization import staged_sum
from models.representations.resample import Resampler
from models.representations.voxel_grid import scatter_voxels


class VoxelImageGridder(Gridder):
    """Makes voxel images of a network's size."""

    def __init__(self, spec: VoxelImageSpec, letterbox: Letterbox) -> None:
        super().__init__(letterbox, is_direct=False)
        self.max_duration_us = Gridder.max_duration_us // spec.voxels.num_bins
        self.spec = spec
        self.resample = Resampler(letterbox, spec.interpolation)
        self.standardize = Standardize(spec.mean, spec.std)

    def planes(self, events: DeviceEvents, duration_us: Duration) -> Tensor:
        cells = self.cells
        voxels = scatter_voxels(events, duration_us, self.spec.voxels, cells)
        voxels = voxels.view(3, cells.height, cells.width)
        low, high = self._range(voxels)
        empty = self._levels(torch.zeros_like(low), low, high)
        levels = self._levels(voxels, low, high)
        image: Tensor = self.standardize(self.resample(levels, empty))
        return image

    def _range(self, voxels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values of level 0 and level 1."""
        if self.spec.encoding == "min_max":
            return voxels.flatten().amin(0), voxels.flatten().amax(0)
        num = staged_sum((voxels != 0).float()).clamp(min=1)
        high = CLIP_RMS * (staged_sum(voxels.square()) / num).sqrt()
        return -high, high

    def _levels(self, values: Tensor, low: Tensor, high: Tensor) -> Tensor:
        extent = high - low
        scaled = ((values - low) / torch.where(extent > 0, extent, 1.0)).clamp(0, 1)
        return quantized(torch.where(extent > 0, scaled, 0.5), self.spec.quantization)


gridder = VoxelImageGridder
