"""The torch twin of ``events.representations.count_map``."""

from __future__ import annotations

import torch
from torch import Tensor

from events.representations.count_map import CountMapSpec
from events.representations.letterbox import Letterbox
from models.representations.cells import DeviceEvents
from models.representations.gridder import Duration, Gridder


class CountMapGridder(Gridder):
    """Makes count maps of a network's size."""

    def __init__(self, spec: CountMapSpec, letterbox: Letterbox) -> None:
        super().__init__(letterbox, is_direct=letterbox.scale <= 1)
        self.spec = spec

    def planes(self, events: DeviceEvents, duration_us: Duration) -> Tensor:
        counts = self.cells.counts(self._newest(events))
        if self.spec.form == "paper":
            total = counts.sum(0, keepdim=True)
            placed = self.cells.placed(total / (total.amax(1, keepdim=True) + 1))
        else:
            share = counts / (counts.amax(1, keepdim=True) + 1)
            placed = self.cells.placed(share.sum(0, keepdim=True) - 1, margin=-1)
        return placed.repeat(3, 1, 1)

    def _newest(self, events: DeviceEvents) -> DeviceEvents:
        """Make padding of all but the newest events, where the Spec counts only those."""
        if self.spec.num_events is None:
            return events
        order = torch.arange(events.cell.shape[0], device=events.cell.device)
        first = events.is_real.sum() - self.spec.num_events
        return events._replace(is_real=events.is_real & (order >= first))


gridder = CountMapGridder
