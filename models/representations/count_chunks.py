"""The torch twin of ``events.representations.count_chunks``."""

from __future__ import annotations

import torch
from torch import Tensor

from events.packet import EventPacket
from events.representations.count_chunks import CountChunksSpec
from events.representations.letterbox import Letterbox
from models.representations.cells import Cells
from models.representations.gridder import Gridder
from models.representations.voxel_grid import normalized


class CountChunksGridder(Gridder):
    """Makes count chunks of a network's size."""

    def __init__(self, spec: CountChunksSpec, letterbox: Letterbox, device: torch.device) -> None:
        self._spec = spec
        self._cells = Cells(letterbox, device, is_direct=letterbox.scale <= 1)

    def grid(self, packet: EventPacket) -> Tensor:
        cells, num_chunks, num = self._cells, self._spec.num_chunks, len(packet)
        events = cells.events(packet)
        edges = torch.arange(num_chunks + 1, device=cells.device) * num // num_chunks
        order = torch.arange(num, device=cells.device)
        chunk = torch.searchsorted(edges[1:], order, right=True)
        plane = 2 * chunk + torch.where(events.is_on, 0, 1)
        flat = torch.zeros(2 * num_chunks * cells.num_cells, device=cells.device)
        flat.index_add_(0, plane * cells.num_cells + events.cell, flat.new_ones(num))
        placed = cells.placed(flat.view(2 * num_chunks, -1))
        return normalized(placed, self._spec.normalization).contiguous()


gridder = CountChunksGridder
