"""The torch twin of ``events.representations.count_map``."""

from __future__ import annotations

import torch
from torch import Tensor

from events.representations.count_map import CountMapSpec
from events.representations.letterbox import Letterbox
from models.representations.cells import Cells
from models.representations.gridder import Gridder
from models.representations.packed_events import PackedEvents


class CountMapGridder(Gridder):
    """Makes count maps of a network's size."""

    def __init__(self, spec: CountMapSpec, letterbox: Letterbox, device: torch.device) -> None:
        self.letterbox = letterbox
        self._spec = spec
        self._cells = Cells(letterbox, device, is_direct=letterbox.scale <= 1)

    def grids(self, packed: PackedEvents) -> Tensor:
        cells, num_newest = self._cells, self._spec.num_events
        events = cells.events(packed)
        is_counted = None
        if num_newest is not None:
            is_counted = events.num_events[events.window] - events.order <= num_newest
        counts = cells.counts(events, is_counted)
        if self._spec.form == "paper":
            total = counts.sum(1, keepdim=True)
            largest = total.amax(2, keepdim=True)
            placed = cells.placed((total.double() / (largest + 1)).float())
        else:
            share = counts.double() / (counts.amax(2, keepdim=True) + 1)
            placed = cells.placed((2 * (share - 0.5)).mean(1, keepdim=True).float(), margin=-1)
        return placed.repeat(1, 3, 1, 1)


gridder = CountMapGridder
