"""What a stream remembers on the device path of torch, on the CPU, where nothing runs at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from event_packets import edge_windows, random_window
from stream_engine import HEIGHT, WIDTH

from events.packet import EventPacket, SensorSize
from events.representations.letterbox import Letterbox
from export.backends.eager import EagerEngine
from export.device_path import DevicePath, on_device
from export.torch_memory import TorchMemory
from models.card import DEPTH_M, LABELS, ModelCard
from models.model_file import load_model
from models.perception import Perception

SENSOR = SensorSize(120, 90)
CPU = torch.device("cpu")
NUM_WINDOWS = 30
ELAPSED = {9: 2.0, 20: 40.0}
"""Strides before some windows; before the others one."""


@pytest.fixture(scope="module")
def network(stream_engine: Path) -> tuple[Perception, ModelCard]:
    return load_model(stream_engine.with_suffix(".safetensors"))


@pytest.fixture(scope="module")
def path(network: tuple[Perception, ModelCard]) -> DevicePath:
    module, card = network
    return DevicePath(on_device(module, card, CPU, torch.float32), card, SENSOR, CPU)


@pytest.fixture(scope="module")
def packets() -> list[EventPacket]:
    windows = [random_window(size, SENSOR) for size in (20, 300, 5_000)]
    windows += edge_windows(SENSOR).values()
    return [windows[i % len(windows)] for i in range(NUM_WINDOWS)]


def test_streamed_events_say_what_streamed_grids_say(
    network: tuple[Perception, ModelCard], path: DevicePath, packets: list[EventPacket]
) -> None:
    module, card = network
    engine = EagerEngine(
        module,
        replace(card, input="events", sensor=(SENSOR.width, SENSOR.height), is_decoded=True),
    )
    letterbox = Letterbox(SENSOR, HEIGHT, WIDTH)
    memory, other = TorchMemory(module, card), engine.new_memory()
    addresses = [tensor.data_ptr() for tensor in memory.tensors.values()]
    for i, packet in enumerate(packets):
        elapsed = ELAPSED.get(i, 1.0)
        found = path.run(path.stage(packet), memory, elapsed=elapsed)
        expected = engine.run(card.spec.network_input(packet, letterbox), other, elapsed=elapsed)
        scores = (found["recognition"], expected["recognition"])
        np.testing.assert_allclose(*scores, atol=1e-4, rtol=0, err_msg=f"window {i}")
        assert (found[LABELS] == expected[LABELS]).mean() > 0.999
        np.testing.assert_allclose(found[DEPTH_M], expected[DEPTH_M], rtol=2e-3)
    assert addresses == [tensor.data_ptr() for tensor in memory.tensors.values()]


def test_two_streams_are_strangers_and_one_forgets_when_told(
    network: tuple[Perception, ModelCard], path: DevicePath, packets: list[EventPacket]
) -> None:
    def said(packet: EventPacket, memory: TorchMemory) -> bytes:
        return path.run(path.stage(packet), memory)["recognition"].tobytes()

    one, other, third = (TorchMemory(*network) for _ in range(3))
    first, second = said(packets[0], one), said(packets[1], one)
    assert said(packets[1], other) not in (first, second)
    assert [said(packet, third) for packet in packets[:2]] == [first, second]
    one.forget()
    assert [said(packet, one) for packet in packets[:2]] == [first, second]


def test_a_memory_goes_with_its_stream_to_another_path(
    network: tuple[Perception, ModelCard], path: DevicePath, packets: list[EventPacket]
) -> None:
    module, card = network
    twin = DevicePath(on_device(module, card, CPU, torch.float32), card, SENSOR, CPU)
    memory, other = TorchMemory(module, card), TorchMemory(module, card)
    for each, used in zip(packets[:4], (path, twin, path, twin), strict=True):
        found = used.run(used.stage(each), memory)["recognition"].copy()
        assert np.array_equal(found, path.run(path.stage(each), other)["recognition"])
