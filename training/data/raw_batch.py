"""Batches whose events are no grids yet: these are made on the training device, all at once."""

# B samples, N events, C channels, H height, W width

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from events.packet import EventPacket
from events.representations.letterbox import Letterbox
from events.representations.representation import Spec
from models.representations.gridder import Gridder, make_gridder
from models.representations.packed_events import PackedEvents, pack
from training.data.batch import Batch, Sample, collate

MAX_PIXELS = 1 << 22
"""Of the sensors whose grids are made at once: what they are made of takes some 0.3 GB of a GPU."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RawBatch:
    """A batch before its grids; ``to`` makes them."""

    known: Batch
    """All but the grids, which have no channels yet: (B, 0, H, W)."""
    parts: tuple[tuple[Tensor, PackedEvents], ...]
    """The events of samples of one sensor, and which samples these are, int64."""
    spec: Spec

    @property
    def names(self) -> tuple[str, ...]:
        return self.known.names

    def __len__(self) -> int:
        return len(self.known)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on ``device`` with its grids, which are made there."""
        height, width = self.known.events.shape[2:]
        events = torch.empty(
            (len(self), self.spec.num_channels, height, width),
            device=device,
            memory_format=torch.channels_last,
        )
        for places, packed in self.parts:
            letterbox = Letterbox(packed.sensor, height, width)
            grids = _gridder(self.spec, letterbox, device).grids(packed)
            events[places.to(device, non_blocking=True)] = grids
        return replace(self.known.to(device), events=events)


def collate_raw(samples: Sequence[Sample], spec: Spec) -> RawBatch:
    """Stack samples that still have their packets into one batch."""
    places: dict[object, list[list[int]]] = {}
    packets = [_packet_of(sample) for sample in samples]
    for place, packet in enumerate(packets):
        sensor = packet.sensor
        parts = places.setdefault(sensor, [[]])
        if len(parts[-1]) >= max(MAX_PIXELS // (sensor.width * sensor.height), 1):
            parts.append([])
        parts[-1].append(place)
    return RawBatch(
        known=collate(samples),
        parts=tuple(
            (torch.tensor(part), pack([packets[place] for place in part]))
            for parts in places.values()
            for part in parts
        ),
        spec=spec,
    )


def _packet_of(sample: Sample) -> EventPacket:
    assert sample.packet is not None, "the samples' shape asks for packets"
    return sample.packet


@functools.lru_cache(maxsize=64)
def _gridder(spec: Spec, letterbox: Letterbox, device: torch.device) -> Gridder:
    """Return a gridder, kept: its tables lie on the device already."""
    return make_gridder(spec, letterbox, device)
