"""Batches whose events are no grids yet: these are made on the training device."""

# B samples, N events, C channels, H height, W width

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from events.packet import EventPacket, SensorSize
from events.representations.letterbox import Letterbox
from events.representations.representation import Spec
from models.representations.gridder import Gridder, make_gridder
from models.representations.packed import pack
from training.data.batch import Batch, Sample, collate


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RawBatch:
    """A batch before its grids; ``to`` makes them."""

    known: Batch
    """All but the grids, which have no channels yet: (B, 0, H, W)."""
    rows: Tensor
    """Packed rows of all samples, one's after another's: (sum of 2 + N, 2) int64."""
    num_rows: tuple[int, ...]
    """Of each sample."""
    sensors: tuple[SensorSize, ...]
    """Of each sample."""
    spec: Spec

    @property
    def names(self) -> tuple[str, ...]:
        return self.known.names

    def __len__(self) -> int:
        return len(self.known)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on ``device`` with its grids, which are made there.

        On a GPU the order of sums is not fixed: the last bit may differ from run to run.
        """
        height, width = self.known.events.shape[2:]
        rows = torch.split(self.rows.to(device, non_blocking=True), list(self.num_rows))
        grids = [
            _gridder(self.spec, Letterbox(sensor, height, width), device).unpacked(part)
            for part, sensor in zip(rows, self.sensors, strict=True)
        ]
        events = torch.cat(grids).contiguous(memory_format=torch.channels_last)
        return replace(self.known.to(device), events=events)


def collate_raw(samples: Sequence[Sample], spec: Spec) -> RawBatch:
    """Stack samples that still have their packets into one batch."""
    packets = [_packet_of(sample) for sample in samples]
    rows = [pack(packet) for packet in packets]
    return RawBatch(
        known=collate(samples),
        rows=torch.from_numpy(np.concatenate(rows)),
        num_rows=tuple(len(each) for each in rows),
        sensors=tuple(packet.sensor for packet in packets),
        spec=spec,
    )


def _packet_of(sample: Sample) -> EventPacket:
    assert sample.packet is not None, "the samples' shape asks for packets"
    return sample.packet


@functools.lru_cache(maxsize=64)
def _gridder(spec: Spec, letterbox: Letterbox, device: torch.device) -> Gridder:
    """Return a gridder, kept: its tables lie on the device already."""
    return make_gridder(spec, letterbox, device)
