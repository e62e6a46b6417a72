"""The torch twin of ``events.representations.count_chunks``."""

from __future__ import annotations

import torch
from torch import Tensor

from events.representations.count_chunks import CountChunksSpec
from events.representations.letterbox import Letterbox
from models.representations.cells import DeviceEvents
from models.representations.gridder import Duration, Gridder
from models.representations.normalization import normalized


class CountChunksGridder(Gridder):
    """Makes count chunks of a network's size."""

    def __init__(self, spec: CountChunksSpec, letterbox: Letterbox) -> None:
        super().__init__(letterbox, is_direct=letterbox.scale <= 1)
        self.spec = spec

    def planes(self, events: DeviceEvents, duration_us: Duration) -> Tensor:
        cells, num_chunks = self.cells, self.spec.num_chunks
        order = torch.arange(events.cell.shape[0], device=events.cell.device)
        num = events.is_real.sum().clamp(min=1)
        # The k for which k N / K <= i < (k + 1) N / K, both rounded down.
        chunk = ((order + 1) * num_chunks - 1) // num
        plane = 2 * chunk.clamp(max=num_chunks - 1) + torch.where(events.is_on, 0, 1)
        is_real = events.is_real.float()
        flat = is_real.new_zeros(2 * num_chunks * cells.num_cells)
        flat.scatter_add_(0, plane * cells.num_cells + events.cell, is_real)
        placed = cells.placed(flat.view(2 * num_chunks, -1))
        return normalized(placed, self.spec.normalization).contiguous()


gridder = CountChunksGridder
