"""Staging on lanes that do their work late and in any order that streams allow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
import pytest
import torch
from event_packets import random_window

from events.packet import EventPacket, SensorSize
from export.staging import NUM_SLOTS, HostLane, Stager
from models.representations.packed import pack

SENSOR = SensorSize(60, 45)
CPU = torch.device("cpu")


class LateMark:
    def __init__(self, device: LateDevice) -> None:
        self.device = device
        self.is_reached = False

    def reach(self) -> None:
        self.is_reached = True

    def wait(self) -> None:
        while not self.is_reached:
            self.device.step()


class LateLane:
    """Keeps work until the device takes a step; waits are kept in line with it."""

    def __init__(self, device: LateDevice) -> None:
        self.device = device
        self.queue: deque[Callable[[], object] | LateMark] = deque()

    def enqueue(self, work: Callable[[], object]) -> None:
        self.queue.append(work)

    def mark(self) -> LateMark:
        mark = LateMark(self.device)
        self.queue.append(mark.reach)
        return mark

    def wait_for(self, mark: LateMark) -> None:
        self.queue.append(mark)


class LateDevice:
    """Stands in for a GPU: runs its lanes one piece at a time, each in order, in a random turn."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.lanes = [LateLane(self), LateLane(self)]

    def step(self) -> None:
        free = [lane for lane in self.lanes if lane.queue and self._is_free(lane.queue[0])]
        assert free, "no lane can go on: they wait for each other"
        head = free[self.random.integers(len(free))].queue.popleft()
        if not isinstance(head, LateMark):
            head()

    def finish(self) -> None:
        while any(lane.queue for lane in self.lanes):
            self.step()

    @staticmethod
    def _is_free(head: Callable[[], object] | LateMark) -> bool:
        return not isinstance(head, LateMark) or head.is_reached


def read_into(stager: Stager, staged: object, found: list[bytes], num_events: int) -> None:
    rows = staged.rows
    stager.read(staged, lambda: found.append(rows[: 2 + num_events].numpy().tobytes()))


def windows(num: int) -> list[EventPacket]:
    """Windows of several buckets."""
    random = np.random.default_rng(num)
    return [random_window(int(n), SENSOR) for n in random.integers(0, 9000, num)]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("ahead", [0, 1])
def test_each_window_is_read_as_it_was_staged_whatever_the_lanes_do(seed: int, ahead: int) -> None:
    device = LateDevice(seed)
    stager = Stager(CPU, *device.lanes)
    found: list[bytes] = []
    packets, waiting = windows(12), deque()
    for packet in packets:
        waiting.append((stager.stage(packet), len(packet)))
        for _ in range(int(device.random.integers(4))):
            if any(lane.queue for lane in device.lanes):
                device.step()
        if len(waiting) > ahead:
            staged, num_events = waiting.popleft()
            read_into(stager, staged, found, num_events)
    for staged, num_events in waiting:
        read_into(stager, staged, found, num_events)
    device.finish()
    assert found == [pack(packet)[: 2 + len(packet)].tobytes() for packet in packets]


def test_the_next_upload_does_not_wait_for_the_window_before() -> None:
    device = LateDevice(0)
    stager = Stager(CPU, *device.lanes)
    found: list[bytes] = []
    first, second = windows(2)
    read_into(stager, stager.stage(first), found, len(first))
    stager.stage(second)
    upload, compute = device.lanes
    while upload.queue:
        upload.queue.popleft()()
    assert compute.queue
    assert not found
    device.finish()
    assert found == [pack(first)[: 2 + len(first)].tobytes()]


def test_a_window_that_is_never_read_makes_room_for_newer_ones() -> None:
    device = LateDevice(0)
    stager = Stager(CPU, *device.lanes)
    found: list[bytes] = []
    packets = windows(5)
    staged = [stager.stage(packet) for packet in packets]
    read_into(stager, staged[-1], found, len(packets[-1]))
    device.finish()
    assert found == [pack(packets[-1])[: 2 + len(packets[-1])].tobytes()]


def test_a_window_staged_over_is_not_read_as_another() -> None:
    stager = Stager(CPU, HostLane(), HostLane())
    packet = random_window(10, SENSOR)
    staged = [stager.stage(packet) for _ in range(NUM_SLOTS + 1)]
    with pytest.raises(RuntimeError, match=f"{NUM_SLOTS} windows ahead, or read twice"):
        stager.read(staged[0], lambda: None)
    stager.read(staged[-1], lambda: None)
    with pytest.raises(RuntimeError, match="read twice"):
        stager.read(staged[-1], lambda: None)


def test_addresses_stay_for_graphs_to_be_replayed() -> None:
    stager = Stager(CPU, HostLane(), HostLane())
    packet = random_window(10, SENSOR)
    addresses = [stager.stage(packet).rows.data_ptr() for _ in range(6)]
    assert len(set(addresses)) == NUM_SLOTS
    assert addresses[:NUM_SLOTS] * 2 == addresses
