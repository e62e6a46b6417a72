"""The torch twin of ``events.representations.count_chunks``."""

from __future__ import annotations

import torch
from torch import Tensor

from events.representations.count_chunks import CountChunksSpec
from events.representations.letterbox import Letterbox
from models.representations.cells import Cells
from models.representations.gridder import Gridder
from models.representations.packed_events import PackedEvents
from models.representations.voxel_grid import normalized


class CountChunksGridder(Gridder):
    """Makes count chunks of a network's size."""

    def __init__(self, spec: CountChunksSpec, letterbox: Letterbox, device: torch.device) -> None:
        self.letterbox = letterbox
        self._spec = spec
        self._cells = Cells(letterbox, device, is_direct=letterbox.scale <= 1)

    def grids(self, packed: PackedEvents) -> Tensor:
        cells, num_chunks = self._cells, self._spec.num_chunks
        events = cells.events(packed)
        # Chunk c ends before event (c + 1) num // num_chunks: this is the first c that ends later.
        num = events.num_events[events.window]
        chunk = ((events.order + 1) * num_chunks - 1) // num
        plane = 2 * chunk + torch.where(events.is_on, 0, 1)
        counts = cells.sums(events, plane, 2 * num_chunks, torch.ones_like(plane))
        placed = cells.placed(counts.float())
        return normalized(placed, self._spec.normalization).contiguous()


gridder = CountChunksGridder
