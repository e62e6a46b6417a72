"""Cells: where events fall, on any device: in the network's input, or on a smaller sensor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from events.representations.letterbox import Letterbox
from models.representations.packed import LOW_16, NUM_HEADER_ROWS


class DeviceEvents(NamedTuple):
    """A window's events on a device, oldest first, then rows of padding that must add nothing."""

    t_us: Tensor
    """(N,) int32 since the window's start; 0 in padding."""
    cell: Tensor
    """(N,) int64 flat index of the cell; in padding any, and never the same for many."""
    is_on: Tensor
    """(N,) bool."""
    is_real: Tensor
    """(N,) bool: False in padding."""


class Cells(nn.Module):
    """Maps a sensor's pixels to cells.

    Args:
        letterbox: Places the sensor in the network's input.
        is_direct: Whether cells are the input's; else they are the sensor's pixels.
    """

    rows: Tensor
    columns: Tensor
    source_rows: Tensor
    source_columns: Tensor

    def __init__(self, letterbox: Letterbox, *, is_direct: bool) -> None:
        super().__init__()
        self.letterbox = letterbox
        self.is_direct = is_direct
        sensor = letterbox.sensor
        if is_direct:
            self.height, self.width = letterbox.height, letterbox.width
            rows, columns = letterbox.y_lut * self.width, letterbox.x_lut
        else:
            self.height, self.width = sensor.height, sensor.width
            rows, columns = np.arange(self.height) * self.width, np.arange(self.width)
        self._keep("rows", rows)
        self._keep("columns", columns)
        self._keep("source_rows", letterbox.source_rows)
        self._keep("source_columns", letterbox.source_columns)

    @property
    def num_cells(self) -> int:
        return self.height * self.width

    def forward(self, t: Tensor, x: Tensor, y: Tensor, p: Tensor) -> DeviceEvents:
        """Return the events of four (N,) int32 columns, -1 in padding; as ModelCard.input says."""
        return self._placed_events(t, x, y, p > 0, t >= 0)

    def unpacked(self, rows: Tensor) -> DeviceEvents:
        """Return the events of packed (2 + N, 2) int64 rows; see ``packed``."""
        num_events = rows[1, 0]
        words = rows[NUM_HEADER_ROWS:].view(torch.int32)
        # The low halves of two times differ as the times do, which lie less than 2^31 us apart.
        t_us = words[:, 0] - rows[0, 0].to(torch.int32)
        x, y = words[:, 2] & LOW_16, (words[:, 2] >> 16) & LOW_16
        is_real = torch.arange(len(words), device=rows.device) < num_events
        return self._placed_events(t_us, x, y, (words[:, 3] & 1) > 0, is_real)

    def _placed_events(
        self, t_us: Tensor, x: Tensor, y: Tensor, is_on: Tensor, is_real: Tensor
    ) -> DeviceEvents:
        # Pixels off the sensor break EventPacket's contract; the clamp keeps memory from breaking.
        row = torch.index_select(self.rows, 0, y.clamp(0, len(self.rows) - 1))
        column = torch.index_select(self.columns, 0, x.clamp(0, len(self.columns) - 1))
        # A GPU adds to one cell one by one: padding is spread out, or it would be a queue.
        spread = torch.arange(t_us.shape[0], device=t_us.device) % self.num_cells
        cell = torch.where(is_real, row + column, spread)
        return DeviceEvents(torch.where(is_real, t_us, 0), cell, is_on, is_real)

    def counts(self, events: DeviceEvents) -> Tensor:
        """Return (2, cells) float32: ON and OFF events per cell; exact below 2^24."""
        index = torch.where(events.is_on, events.cell, events.cell + self.num_cells)
        is_real = events.is_real.float()
        counts = is_real.new_zeros(2 * self.num_cells)
        return counts.scatter_add_(0, index, is_real).view(2, -1)

    def placed(self, planes: Tensor, margin: float = 0.0) -> Tensor:
        """Return (C, cells) as (C, height, width) of the input.

        Pixels of a smaller sensor lie where the letterbox puts them, ``margin`` around them.
        """
        source = planes.view(-1, self.height, self.width)
        if self.is_direct:
            return source
        content = source.index_select(1, self.source_rows).index_select(2, self.source_columns)
        return framed(content, self.letterbox, margin)

    def _keep(self, name: str, values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        self.register_buffer(name, torch.from_numpy(values.copy()), persistent=False)


def framed(content: Tensor, letterbox: Letterbox, margin: float = 0.0) -> Tensor:
    """Return the letterbox's content (C, h, w) as (C, height, width), ``margin`` around it."""
    top, left, height, width = letterbox.content
    if (height, width) == (letterbox.height, letterbox.width):
        return content
    right, bottom = letterbox.width - left - width, letterbox.height - top - height
    return functional.pad(content, (left, right, top, bottom), value=margin)
