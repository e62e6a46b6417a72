"""Cells: where events fall, on any device: in the network's input, or on a smaller sensor."""

# N events, B windows, C channels

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from events.representations.letterbox import Letterbox
from models.representations.packed_events import ON, PackedEvents


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DeviceEvents:
    """The events of some windows on a device, one window's after another's."""

    elapsed_us: Tensor
    """(N,) int64 since the window's start."""
    cell: Tensor
    """(N,) int64 flat index of the cell."""
    is_on: Tensor
    """(N,) bool."""
    window: Tensor
    """(N,) int64 which window."""
    num_events: Tensor
    """(B,) int64 of each window."""
    first: Tensor
    """(B,) int64 place of each window's first event."""
    duration_us: Tensor
    """(B,) int64."""

    @property
    def order(self) -> Tensor:
        """(N,) int64 how many events of its window precede an event."""
        return torch.arange(len(self.cell), device=self.cell.device) - self.first[self.window]


class Cells:
    """Maps a sensor's pixels to cells.

    Args:
        letterbox: Places the sensor in the network's input.
        device: Of the tables, and of what is made with them.
        is_direct: Whether cells are the input's; else they are the sensor's pixels.
    """

    def __init__(self, letterbox: Letterbox, device: torch.device, *, is_direct: bool) -> None:
        self.letterbox = letterbox
        self.device = device
        self.is_direct = is_direct
        sensor = letterbox.sensor
        if is_direct:
            self.height, self.width = letterbox.height, letterbox.width
            rows, columns = letterbox.y_lut * self.width, letterbox.x_lut
        else:
            self.height, self.width = sensor.height, sensor.width
            rows, columns = np.arange(self.height) * self.width, np.arange(self.width)
        self._rows, self._columns = self._table(rows), self._table(columns)
        self._source_rows = self._table(letterbox.source_rows)
        self._source_columns = self._table(letterbox.source_columns)

    @property
    def num_cells(self) -> int:
        return self.height * self.width

    def events(self, packed: PackedEvents) -> DeviceEvents:
        """Return the events of some windows on the device."""
        words = packed.words.to(self.device, non_blocking=True)
        sizes = torch.tensor(
            [packed.num_events, packed.durations_us], dtype=torch.int64, device=self.device
        )
        num_events, duration_us = sizes
        pixel = words[:, 1]
        windows = torch.arange(len(packed), device=self.device)
        return DeviceEvents(
            elapsed_us=words[:, 0].long(),
            cell=self._rows[pixel >> 16] + self._columns[pixel & (ON - 1)],
            is_on=(pixel & ON) > 0,
            window=windows.repeat_interleave(num_events, output_size=len(words)),
            num_events=num_events,
            first=num_events.cumsum(0) - num_events,
            duration_us=duration_us,
        )

    def sums(self, events: DeviceEvents, plane: Tensor, num_planes: int, weights: Tensor) -> Tensor:
        """Return (B, num_planes, cells) of the type of ``weights``, summed where events fall.

        Whole numbers are summed alike whatever the order, which on a GPU is not fixed.

        Args:
            events: Of B windows.
            plane: (N,) int64 of each event.
            num_planes: Of each window.
            weights: (N,) of each event.
        """
        index = (events.window * num_planes + plane) * self.num_cells + events.cell
        num_windows = len(events.num_events)
        flat = weights.new_zeros(num_windows * num_planes * self.num_cells)
        return flat.index_add_(0, index, weights).view(num_windows, num_planes, -1)

    def counts(self, events: DeviceEvents, is_counted: Tensor | None = None) -> Tensor:
        """Return (B, 2, cells) int64: ON and OFF events per cell, of those that are counted."""
        ones = torch.ones_like(events.cell) if is_counted is None else is_counted.long()
        return self.sums(events, (~events.is_on).long(), 2, ones)

    def placed(self, planes: Tensor, margin: float = 0.0) -> Tensor:
        """Return (B, C, cells) as (B, C, height, width) of the input.

        Pixels of a smaller sensor lie where the letterbox puts them, ``margin`` around them.
        """
        source = planes.unflatten(-1, (self.height, self.width))
        if self.is_direct:
            return source
        content = source[..., self._source_rows, :][..., self._source_columns]
        box = self.letterbox
        placed = planes.new_full((*planes.shape[:2], box.height, box.width), margin)
        top, left, height, width = box.content
        placed[..., top : top + height, left : left + width] = content
        return placed

    def _table(self, values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Tensor:
        return torch.from_numpy(values.copy()).to(self.device)
