"""Batches whose events are no grids yet: these are made on the training device, many at once."""

# B samples, N events, C channels, H height, W width

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from events.packet import EventPacket, SensorSize
from events.representations.letterbox import Letterbox
from events.representations.representation import Spec
from models.representations.gridder import Gridder, make_gridder
from models.representations.packed import pack
from training.data.batch import Batch, Sample, collate

MAX_PIXELS = 1 << 22
"""Of the sensors whose grids are made at once: what they are made of takes some 0.3 GB of a GPU."""


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
    longest_us: int
    """Of the windows."""
    spec: Spec

    @property
    def names(self) -> tuple[str, ...]:
        return self.known.names

    def __len__(self) -> int:
        return len(self.known)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on ``device`` with its grids, which are made there.

        On a GPU the order of sums is not fixed: the last bit may differ from run to run.

        Raises:
            ValueError: a window is too long for a grid made there.
        """
        height, width = self.known.events.shape[2:]
        rows = torch.split(self.rows.to(device, non_blocking=True), list(self.num_rows))
        events = torch.empty(
            (len(self), self.spec.num_channels, height, width),
            device=device,
            memory_format=torch.channels_last,
        )
        for sensor, places in self.parts():
            gridder = _gridder(self.spec, Letterbox(sensor, height, width), device)
            gridder.check_duration(self.longest_us)
            stacked = pad_sequence([rows[place] for place in places], batch_first=True)
            events[torch.tensor(places, device=device)] = gridder.stacked(stacked)
        return replace(self.known.to(device), events=events)

    def parts(self) -> list[tuple[SensorSize, list[int]]]:
        """Return which samples' grids are made at once: those of one sensor, so many as fit."""
        parts = []
        for sensor in dict.fromkeys(self.sensors):
            places = [place for place, each in enumerate(self.sensors) if each == sensor]
            num = max(MAX_PIXELS // (sensor.width * sensor.height), 1)
            parts += [(sensor, places[i : i + num]) for i in range(0, len(places), num)]
        return parts


def collate_raw(samples: Sequence[Sample], spec: Spec) -> RawBatch:
    """Stack samples that still have their packets into one batch."""
    packets = [_packet_of(sample) for sample in samples]
    rows = [pack(packet) for packet in packets]
    return RawBatch(
        known=collate(samples),
        rows=torch.from_numpy(np.concatenate(rows)),
        num_rows=tuple(len(each) for each in rows),
        sensors=tuple(packet.sensor for packet in packets),
        longest_us=max(packet.duration_us for packet in packets),
        spec=spec,
    )


def _packet_of(sample: Sample) -> EventPacket:
    assert sample.packet is not None, "the samples' shape asks for packets"
    return sample.packet


@functools.lru_cache(maxsize=64)
def _gridder(spec: Spec, letterbox: Letterbox, device: torch.device) -> Gridder:
    """Return a gridder, kept: its tables lie on the device already."""
    return make_gridder(spec, letterbox, device)
