"""Cells: where events fall, on any device: in the network's input, or on a smaller sensor."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from events.packet import EventPacket
from events.representations.letterbox import Letterbox
from events.representations.representation import check_sensor


class DeviceEvents(NamedTuple):
    """The events of a packet on a device."""

    t_us: Tensor
    """(N,) int64."""
    cell: Tensor
    """(N,) int64 flat index of the cell."""
    is_on: Tensor
    """(N,) bool."""


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

    def events(self, packet: EventPacket, num_newest: int | None = None) -> DeviceEvents:
        """Return a packet's events, or only its newest ones, on the device.

        Raises:
            ValueError: The letterbox was made for another sensor.
        """
        check_sensor(packet, self.letterbox)
        words = packet.words if num_newest is None else packet.words[-num_newest:]
        # The packet is read-only, which torch's tensors cannot be: hence one copy.
        word = torch.from_numpy(words.copy()).to(self.device)
        x = word[:, 1] & 0xFFFF
        y = (word[:, 1] >> 16) & 0xFFFF
        is_on = ((word[:, 1] >> 32) & 1) > 0
        return DeviceEvents(word[:, 0], self._rows[y] + self._columns[x], is_on)

    def counts(self, events: DeviceEvents) -> Tensor:
        """Return (2, cells) int64: ON and OFF events per cell."""
        index = torch.where(events.is_on, events.cell, events.cell + self.num_cells)
        counts = torch.zeros(2 * self.num_cells, dtype=torch.int64, device=self.device)
        return counts.index_add_(0, index, torch.ones_like(index)).view(2, -1)

    def placed(self, planes: Tensor, margin: float = 0.0) -> Tensor:
        """Return (C, cells) as (C, height, width) of the input.

        Pixels of a smaller sensor lie where the letterbox puts them, ``margin`` around them.
        """
        if self.is_direct:
            return planes.view(-1, self.height, self.width)
        source = planes.view(-1, self.height, self.width)
        content = source[:, self._source_rows][:, :, self._source_columns]
        box = self.letterbox
        placed = planes.new_full((len(planes), box.height, box.width), margin)
        top, left, height, width = box.content
        placed[:, top : top + height, left : left + width] = content
        return placed

    def _table(self, values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Tensor:
        return torch.from_numpy(values.copy()).to(self.device)
