"""Torch: runs a model file without any other library, on the CPU or on a GPU.

On the CPU, and as "cuda", it computes eagerly as it was trained: what other engines are compared
with. As "torch" a GPU takes raw events, in half precision, by CUDA graphs: see DevicePath;
"torch-compiled" compiles the network first, which takes a minute; one that remembers it does not
compile.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from events.packet import EventPacket, SensorSize
from events.representations.letterbox import Letterbox
from export.answer import Answer
from export.backends.backend import EngineError, Memory, Outputs
from export.device_errors import device_errors
from export.device_path import DevicePath, on_device
from export.engine_graph import grid_graph
from export.event_input import check_sensor
from export.input_size import resized
from export.providers.provider import TITLES, TORCH
from export.replay import compiled
from export.staging import Staged
from export.torch_memory import TorchMemory
from models.card import CardError, ModelCard
from models.model_file import load_model
from models.perception import Perception

SUFFIX = ".safetensors"
PROVIDERS = ("auto", "cpu", "cuda", *TORCH)


class EagerEngine:
    """A module in eval mode on one device.

    Args:
        module: Of the card.
        card: Where it takes raw events, the CPU makes their grid by the definition.
        device: "cpu" or "cuda".
        notes: What the user must know.
        dtype: What the network computes in.
        is_compiled: Whether to try torch.compile; not of a network that remembers.
    """

    def __init__(
        self,
        module: nn.Module,
        card: ModelCard,
        device: str = "cpu",
        notes: tuple[str, ...] = (),
        *,
        dtype: torch.dtype = torch.float32,
        is_compiled: bool = False,
    ) -> None:
        self._card = card
        self._device = torch.device(device)
        self._notes = notes
        self._dtype = dtype
        self._is_compiled = is_compiled and not card.is_streaming
        self._module = module.eval()
        self._on_device = module
        if device != "cpu" or dtype != torch.float32:
            self._on_device = on_device(module, card, self._device, dtype)
        self._network: nn.Module | None = None
        self._path: DevicePath | None = None
        self._letterbox: Letterbox | None = None

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def provider(self) -> str:
        kind = "torch-compiled" if self._is_compiled else "eager"
        if self._dtype == torch.float16:
            kind = "torch-compiled fp16" if self._is_compiled else "torch fp16"
        return f"{kind} {'CPU' if self._device.type == 'cpu' else 'CUDA'}"

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self._notes, *(self._path.notes if self._path else ()))

    @property
    def is_fed_events(self) -> bool:
        is_fast = self._device.type == "cuda" and self._dtype == torch.float16
        return self._card.input == "events" or is_fast

    def new_memory(self) -> TorchMemory | None:
        if not self._card.is_streaming:
            return None
        assert isinstance(self._on_device, Perception)
        with device_errors(self.provider):
            return TorchMemory(self._on_device, self._card)

    def run(
        self, grid: npt.NDArray[np.float32], memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        card = self._card
        expected = (card.spec.num_channels, card.input_height, card.input_width)
        if grid.shape != expected:
            raise ValueError(f"engine takes {expected}, got {grid.shape}")
        with device_errors(self.provider), torch.inference_mode():
            grids = torch.from_numpy(grid)[None].to(self._device)
            if self._network is None:
                self._network = self._made_network(grids)
            outputs = self._said(self._network, grids, self._used(memory), elapsed)
            return {name: output.cpu().numpy() for name, output in outputs.items()}

    def stage(self, packet: EventPacket) -> object:
        card = self._card
        if card.sensor is not None:
            check_sensor(card, packet.sensor)
        if self._device.type == "cpu":
            if self._letterbox is None or self._letterbox.sensor != packet.sensor:
                self._letterbox = Letterbox(packet.sensor, card.input_height, card.input_width)
            return card.spec.network_input(packet, self._letterbox)
        with device_errors(self.provider):
            return self._path_for(packet.sensor).stage(packet)

    def run_staged(
        self, staged: object, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        if isinstance(staged, np.ndarray):
            return self.run(staged, memory, elapsed=elapsed)
        assert isinstance(staged, Staged)
        assert self._path is not None
        with device_errors(self.provider):
            return self._path.run(staged, self._used(memory), elapsed=elapsed)

    def run_events(
        self, packet: EventPacket, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        return self.run_staged(self.stage(packet), memory, elapsed=elapsed)

    def _said(
        self, network: nn.Module, grids: Tensor, memory: TorchMemory | None, elapsed: float
    ) -> dict[str, Tensor]:
        """Return the outputs by name, and take ``memory``, if any, a window further."""
        names = self._card.outputs
        if memory is None:
            return dict(zip(names, network(grids), strict=True))
        memory.elapsed.fill_(elapsed)
        said = network(grids, memory.elapsed, *memory.tensors.values())
        memory.advance(said[len(names) :])
        return dict(zip(names, said, strict=False))

    def _used(self, memory: Memory | None) -> TorchMemory | None:
        """Return the memory of a window's stream; of no stream one that has just begun."""
        used = self.new_memory() if memory is None else memory
        assert used is None or isinstance(used, TorchMemory), f"a memory of another backend: {used}"
        return used

    def on_cpu(self) -> EagerEngine:
        return EagerEngine(self._module, self._card)

    def close(self) -> None:
        """Drop nothing by hand: the module frees its memory with its last reference."""

    def _path_for(self, sensor: SensorSize) -> DevicePath:
        """Return what takes raw events of a sensor."""
        if self._path is None or self._path.sensor != sensor:
            self._path = DevicePath(
                self._on_device, self._card, sensor, self._device,
                dtype=self._dtype, is_compiled=self._is_compiled,
            )  # fmt: skip
            self._is_compiled = self._path.is_compiled
        return self._path

    def _made_network(self, example: torch.Tensor) -> nn.Module:
        """Return what takes grids, and of a stream its memory, and gives the card's outputs."""
        module, dtype = self._on_device, self._dtype
        answer = Answer(self._card, module(example.to(dtype)))
        network = grid_graph(module, self._card, answer, example, dtype).module.to(self._device)
        if self._is_compiled:
            network, notes = compiled(network, example)
            self._notes = (*self._notes, *notes)
            self._is_compiled = not notes
        return network


def build(model_path: Path, engine_path: Path, *, progress: Callable[[str], None]) -> None:
    """Copy the model file: it is its own engine."""
    progress(f"copying {model_path} to {engine_path}")
    try:
        shutil.copyfile(model_path, engine_path)
    except OSError as error:
        raise EngineError(f"cannot write {engine_path}: {error.strerror}") from None


def load(
    engine_path: Path, *, provider: str = "auto", input_size: tuple[int, int] | None = None
) -> EagerEngine:
    """Load a model file.

    Args:
        engine_path: A .safetensors file.
        provider: One of PROVIDERS; "auto" is "torch" on a GPU if there is one, else "cpu".
        input_size: Width and height of its input; default: its card's.

    Raises:
        EngineError: the file cannot be honoured, there is no such provider or size, or the GPU has
            too little memory.
    """
    if provider not in PROVIDERS:
        raise EngineError(f"torch runs on {', '.join(PROVIDERS)}, got {provider!r}")
    try:
        module, card = load_model(engine_path)
    except (CardError, OSError) as error:
        raise EngineError(str(error)) from None
    if input_size is not None:  # a module takes any
        open_card = replace(card, is_dynamic=True, size_multiple=module.encoder.strides[-1])
        card = replace(resized(open_card, *input_size), is_dynamic=False, size_multiple=1)
    has_cuda = torch.cuda.is_available()
    notes: tuple[str, ...] = ()
    if provider not in ("auto", "cpu") and not has_cuda:
        title = TITLES.get(provider, provider)
        notes = (f"{title} cannot be used (torch finds no GPU): running on the CPU",)
    if provider == "torch-compiled" and card.is_streaming:
        notes = (*notes, f"{card.name} remembers earlier windows: it is not compiled")
    with device_errors("torch"):
        return EagerEngine(
            module,
            card,
            "cuda" if has_cuda and provider != "cpu" else "cpu",
            notes,
            dtype=torch.float16 if has_cuda and provider not in ("cpu", "cuda") else torch.float32,
            is_compiled=provider == "torch-compiled",
        )
