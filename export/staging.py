"""Staging: windows travel to a device under the inference of the one before.

Each slot has a block of pinned host memory and one on the device. A window is packed into the next
slot's host block, copied on the upload lane, and read on the compute lane, which waits for the copy
on the device, not on the host. A slot is filled again only when its last reader is done, so that
what a kernel reads is never overwritten; the addresses stay, so that CUDA graphs can be replayed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from events.packet import EventPacket
from export.event_input import bucket_of
from models.representations.packed import NUM_HEADER_ROWS, pack

NUM_SLOTS = 3
"""One is read, one waits, one is filled."""


class Mark(Protocol):
    """A point in a lane."""

    def wait(self) -> None:
        """Hold the calling thread until all work before the point is done."""
        ...


class Lane(Protocol):
    """Work for a device, done in order; the caller goes on meanwhile. CUDA calls it a stream."""

    def enqueue(self, work: Callable[[], object]) -> None: ...

    def mark(self) -> Mark:
        """Return the point behind all work so far."""
        ...

    def wait_for(self, mark: Mark) -> None:
        """Do what is enqueued from now on only after a point in another lane of the same device."""
        ...


class HostLane:
    """The CPU's lane: work is done when it is enqueued."""

    def enqueue(self, work: Callable[[], object]) -> None:
        work()

    def mark(self) -> Mark:
        return self

    def wait_for(self, mark: Mark) -> None:
        """Nothing to wait for."""

    def wait(self) -> None:
        """Nothing to wait for."""


class CudaLane:
    """A stream of its own on the current CUDA device."""

    def __init__(self) -> None:
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def enqueue(self, work: Callable[[], object]) -> None:
        with torch.cuda.stream(self.stream):
            work()

    def mark(self) -> _CudaMark:
        return _CudaMark(self.stream.record_event())

    def wait_for(self, mark: Mark) -> None:
        assert isinstance(mark, _CudaMark)
        self.stream.wait_event(mark.event)


class _CudaMark:
    def __init__(self, event: torch.cuda.Event) -> None:
        self.event = event

    def wait(self) -> None:
        self.event.synchronize()


class Staged:
    """A window in a slot, good for one ``Stager.read`` until the slot is filled again."""

    __slots__ = ("rows", "slot")

    def __init__(self, slot: _Slot, rows: Tensor) -> None:
        self.slot = slot
        self.rows = rows
        """(2 + bucket, 2) int64 packed rows on the device, at an address that stays."""


class _Slot:
    def __init__(self) -> None:
        self.blocks: dict[int, tuple[Tensor, Tensor]] = {}
        """Host's and device's by bucket."""
        self.last: Mark | None = None
        """Behind what used the slot last."""
        self.staged: Staged | None = None


class Stager:
    """Uploads windows, up to NUM_SLOTS - 1 ahead of the one that is read.

    Args:
        device: Where the windows go.
        upload: The lane of the copies.
        compute: The lane of those who read them.
    """

    def __init__(self, device: torch.device, upload: Lane, compute: Lane) -> None:
        self._device = device
        self._upload = upload
        self._compute = compute
        self._slots = [_Slot() for _ in range(NUM_SLOTS)]
        self._next = 0

    def stage(self, packet: EventPacket) -> Staged:
        """Begin to upload a window; the packet is free at once."""
        slot = self._slots[self._next]
        self._next = (self._next + 1) % len(self._slots)
        if slot.last is not None:
            slot.last.wait()
        bucket = bucket_of(len(packet))
        if bucket not in slot.blocks:
            slot.blocks[bucket] = self._new_blocks(bucket)
        host, device = slot.blocks[bucket]
        pack(packet, host.numpy())
        num = NUM_HEADER_ROWS + len(packet)
        self._upload.enqueue(lambda: device[:num].copy_(host[:num], non_blocking=True))
        slot.last = self._upload.mark()
        slot.staged = Staged(slot, device)
        return slot.staged

    def read(self, staged: Staged, work: Callable[[], object]) -> None:
        """Enqueue ``work`` that reads ``staged.rows``, behind their upload."""
        slot = staged.slot
        if slot.staged is not staged or slot.last is None:
            raise RuntimeError(f"a window was staged {NUM_SLOTS} windows ahead, or read twice")
        slot.staged = None
        self._compute.wait_for(slot.last)
        self._compute.enqueue(work)
        slot.last = self._compute.mark()

    def _new_blocks(self, bucket: int) -> tuple[Tensor, Tensor]:
        is_pinned = self._device.type == "cuda"
        shape = (NUM_HEADER_ROWS + bucket, 2)
        return (
            torch.empty(shape, dtype=torch.int64, pin_memory=is_pinned),
            torch.empty(shape, dtype=torch.int64, device=self._device),
        )
