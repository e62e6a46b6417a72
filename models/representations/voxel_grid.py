"""The torch twin of ``events.representations``: voxel grids of a network's size, on any device.

The numba form is the definition; tests hold this one equal to it to 1e-5.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from events.packet import EventPacket
from events.representations.letterbox import Letterbox
from events.representations.voxel_grid import VoxelGridSpec


class EventGridder:
    """Makes network input of packets on ``device``; only the raw events travel there.

    Args:
        spec: Of the network's card.
        letterbox: Places the sensor in the network's input.
        device: Where the grid is made and stays.
    """

    def __init__(self, spec: VoxelGridSpec, letterbox: Letterbox, device: torch.device) -> None:
        self.spec = spec
        self.device = device
        self._letterbox = letterbox
        self._is_direct = letterbox.scale <= 1
        sensor = letterbox.sensor
        if self._is_direct:
            rows, columns = letterbox.y_lut * letterbox.width, letterbox.x_lut
            self._num_cells = letterbox.height * letterbox.width
        else:
            rows, columns = np.arange(sensor.height) * sensor.width, np.arange(sensor.width)
            self._num_cells = sensor.height * sensor.width
        self._rows = torch.from_numpy(rows.copy()).to(device)
        self._columns = torch.from_numpy(columns.copy()).to(device)
        self._source_rows = torch.from_numpy(letterbox.source_rows.copy()).to(device)
        self._source_columns = torch.from_numpy(letterbox.source_columns.copy()).to(device)

    def grid(self, packet: EventPacket) -> Tensor:
        """Return the (C, height, width) float32 grid of a packet, whose span is the window."""
        # The packet is read-only, which torch's tensors cannot be: hence one copy.
        words = torch.from_numpy(packet.words.copy()).to(self.device)
        start_us, end_us = packet.start_us, packet.end_us
        if self.spec.anchor == "events" and len(packet):
            start_us, end_us = int(packet.t[0]), int(packet.t[-1])
        planes = self._scatter(words, start_us, max(end_us - start_us, 1))
        return self._normalized(self._placed(planes)).contiguous()

    def _scatter(self, words: Tensor, start_us: int, duration_us: int) -> Tensor:
        """Return (C, cells) sums."""
        num_bins, num_cells = self.spec.num_bins, self._num_cells
        elapsed_us = (words[:, 0] - start_us).double()
        if self.spec.placement == "trailing":
            position = elapsed_us * (num_bins / duration_us) - 1
        else:
            position = elapsed_us * ((num_bins - 1) / duration_us)
        left = position.floor()
        right_weight = (position - left).float()
        x = words[:, 1] & 0xFFFF
        y = (words[:, 1] >> 16) & 0xFFFF
        is_on = ((words[:, 1] >> 32) & 0xFF) > 0
        # One plane more at either end takes what lies outside, so that nothing must be masked.
        plane = left.long() + 1
        num_polarities = self.spec.num_channels // num_bins
        if num_polarities == 2:
            sign = torch.ones_like(right_weight)
            plane = plane + torch.where(is_on, 0, num_bins + 2)
        else:
            sign = torch.where(is_on, 1.0, -1.0).to(right_weight)
        index = plane * num_cells + self._rows[y] + self._columns[x]
        flat = torch.zeros(num_polarities * (num_bins + 2) * num_cells, device=self.device)
        flat.index_add_(0, index, sign * (1 - right_weight))
        flat.index_add_(0, index + num_cells, sign * right_weight)
        planes = flat.view(num_polarities, num_bins + 2, num_cells)[:, 1:-1]
        return planes.reshape(self.spec.num_channels, num_cells)

    def _placed(self, planes: Tensor) -> Tensor:
        """Return (C, height, width): at the input's size, an upscaled sensor within its margins."""
        box, sensor = self._letterbox, self._letterbox.sensor
        if self._is_direct:
            return planes.view(-1, box.height, box.width)
        source = planes.view(-1, sensor.height, sensor.width)
        content = source[:, self._source_rows][:, :, self._source_columns]
        placed = torch.zeros(len(planes), box.height, box.width, device=self.device)
        top, left, height, width = box.content
        placed[:, top : top + height, left : left + width] = content
        return placed

    def _normalized(self, grid: Tensor) -> Tensor:
        """Return ``grid`` normalised over its non-zero voxels; unchanged where all are zero."""
        if self.spec.normalization == "none":
            return grid
        is_set = grid != 0
        count = is_set.sum().clamp(min=1)
        mean_square = grid.double().square().sum() / count
        if self.spec.normalization == "nonzero_rms":
            return (grid / mean_square.sqrt().clamp(min=1e-30)).float()
        mean = grid.double().sum() / count
        variance = (torch.where(is_set, grid - mean, 0.0).square().sum() / count).clamp(min=0)
        scale = torch.where(variance > 0, variance.sqrt(), 1.0)
        return torch.where(is_set, (grid - mean) / scale, 0.0).float()
