"""Ways from raw events on the host to decoded predictions there, the naive one first."""

from __future__ import annotations

import dataclasses
import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from app.inference import Inference
from events.packet import EventPacket, SensorSize, pack_events
from events.representations.letterbox import Letterbox
from events.representations.voxel_grid import VoxelGridSpec, voxel_grid_reference
from events.windows import Window
from export.backends.backend import Engine
from export.backends.eager import EagerEngine
from export.device_path import DevicePath, on_device
from models.card import ModelCard
from models.decode import decode
from models.results import Prediction

Way = Callable[[EventPacket], Prediction]


def naive_way(engine: Engine, sensor: SensorSize) -> Way:
    """A voxel grid in plain numpy, the network by eager torch, decoding on the host."""
    card = engine.card
    letterbox = Letterbox(sensor, card.input_height, card.input_width)

    def answer(packet: EventPacket) -> Prediction:
        return decode(card, engine.run(naive_grid(packet, card, letterbox)), letterbox)

    return answer


def naive_grid(
    packet: EventPacket, card: ModelCard, letterbox: Letterbox
) -> npt.NDArray[np.float32]:
    """Return the (C, height, width) input in plain numpy, if it has no more cells than pixels."""
    assert isinstance(card.spec, VoxelGridSpec)
    cells = pack_events(packet.t, letterbox.x_lut[packet.x], letterbox.y_lut[packet.y], packet.p)
    size = SensorSize(letterbox.width, letterbox.height)
    moved = EventPacket(cells, size, packet.start_us, packet.end_us)
    return voxel_grid_reference(moved, card.spec)


def engine_way(engine: Engine, sensor: SensorSize) -> Way:
    """An engine as the app runs it: on grids made on the CPU, or on raw events."""
    inference = Inference(engine, sensor)
    return lambda packet: inference.infer(Window(0, packet, False))


def path_way(path: DevicePath) -> Way:
    """Raw events to the device, decoded outputs back."""
    card = path.card
    letterbox = Letterbox(path.sensor, card.input_height, card.input_width)
    return lambda packet: decode(card, path.run(path.stage(packet)), letterbox)


def torch_path(
    module: nn.Module,
    card: ModelCard,
    sensor: SensorSize,
    device: torch.device,
    *,
    is_compiled: bool = False,
) -> DevicePath:
    """Return torch's path, in half precision on a GPU."""
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    placed = on_device(module, card, device, dtype)
    return DevicePath(placed, card, sensor, device, dtype=dtype, is_compiled=is_compiled)


def onnx_ways(module: nn.Module, card: ModelCard, sensor: SensorSize) -> dict[str, Way]:
    """Return an ONNX engine of raw events by each provider that starts, on the CPU where none does.

    None at all where ONNX Runtime is not installed.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        return {}
    from export.backends import onnxruntime
    from export.onnx_graph import write_onnx

    card = dataclasses.replace(
        card,
        input="events",
        sensor=(sensor.width, sensor.height),
        is_decoded=True,
        precision="fp16" if torch.cuda.is_available() else "fp32",
    )
    ways: dict[str, Way] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.onnx"
        write_onnx(module, card, path)
        for provider in ("tensorrt", "cuda") if torch.cuda.is_available() else ("cpu",):
            engine = onnxruntime.load(path, provider=provider)
            if provider == engine.provider.lower():
                ways[f"events in, ORT {engine.provider}"] = engine_way(engine, sensor)
    return ways


def all_ways(
    module: nn.Module, card: ModelCard, sensor: SensorSize, device: torch.device
) -> dict[str, Way]:
    """Return every way that starts on this machine by its name, the naive one first."""
    eager = EagerEngine(module, card, device.type)
    ways = {
        "naive": naive_way(eager, sensor),
        "grid in, eager": engine_way(eager, sensor),
        "events in, torch": path_way(torch_path(module, card, sensor, device)),
    }
    if device.type == "cuda":
        path = torch_path(module, card, sensor, device, is_compiled=True)
        if not path.notes:
            ways["events in, compiled"] = path_way(path)
    return {**ways, **onnx_ways(module, card, sensor)}
