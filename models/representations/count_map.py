"""The torch twin of ``events.representations.count_map``."""

from __future__ import annotations

import torch
from torch import Tensor

from events.packet import EventPacket
from events.representations.count_map import CountMapSpec
from events.representations.letterbox import Letterbox
from models.representations.cells import Cells
from models.representations.gridder import Gridder


class CountMapGridder(Gridder):
    """Makes count maps of a network's size."""

    def __init__(self, spec: CountMapSpec, letterbox: Letterbox, device: torch.device) -> None:
        self._spec = spec
        self._cells = Cells(letterbox, device, is_direct=letterbox.scale <= 1)

    def grid(self, packet: EventPacket) -> Tensor:
        cells = self._cells
        counts = cells.counts(cells.events(packet, self._spec.num_events))
        if self._spec.form == "paper":
            total = counts.sum(0, keepdim=True)
            placed = cells.placed((total.double() / (total.max() + 1)).float())
        else:
            share = counts.double() / (counts.amax(1, keepdim=True) + 1)
            placed = cells.placed((2 * (share - 0.5)).mean(0, keepdim=True).float(), margin=-1)
        return placed.repeat(3, 1, 1)


gridder = CountMapGridder
