"""ONNX Runtime: on the CPU, or a GPU through CUDA or TensorRT; running imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from events.packet import EventPacket, SensorSize, empty_packet
from export.backends.backend import DeviceLostError, EngineError, Memory, Outputs
from export.device_buffers import DeviceBuffers
from export.event_input import COLUMNS, Columns, EventColumns
from export.input_size import resized
from export.onnx_card import read_card
from export.onnx_memory import OnnxMemory
from export.onnx_shapes import DTYPES, ELAPSED, GRID, check_shapes, input_shape, is_memory
from export.providers import cpu
from export.runtime_errors import run_error
from export.sessions import Opened, open_session
from models.card import ModelCard

SUFFIX = ".onnx"
NUM_WARM_UPS = 2


class OnnxEngine:
    """A session whose inputs and outputs are buffers bound once, so that a run allocates nothing.

    What a stream remembers is bound for each run: see OnnxMemory.
    """

    def __init__(self, path: Path, card: ModelCard, opened: Opened, *notes: str) -> None:
        session: onnxruntime.InferenceSession = opened.session
        self._path = path
        self._session = session
        self._card = card
        self._provider = opened.provider
        self._notes = (*card.notes, *opened.notes, *notes)
        self._device = DeviceBuffers(session) if opened.has_device_buffers else None
        self._columns = EventColumns(card)
        self._inputs: dict[str, npt.NDArray[np.float32]] = {
            each.name: np.zeros(each.shape, np.float32)
            for each in session.get_inputs()
            if each.name in (GRID, ELAPSED)
        }
        self._outputs: dict[str, npt.NDArray[Any]] = {
            each.name: np.empty(each.shape, DTYPES[each.type])
            for each in session.get_outputs()
            if not is_memory(each.name)
        }
        self._binding = session.io_binding()
        for name, array in self._inputs.items():
            self._binding.bind_cpu_input(name, array)
        for name, array in self._outputs.items():
            self._binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def provider(self) -> str:
        return self._provider

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self._notes, *self._columns.overflow.notes)

    @property
    def is_fed_events(self) -> bool:
        return self._card.input == "events"

    def new_memory(self) -> OnnxMemory | None:
        if not self._card.is_streaming:
            return None
        return OnnxMemory(self._session, "cpu" if self._provider == "CPU" else "cuda")

    def run(
        self, grid: npt.NDArray[np.float32], memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        if self.is_fed_events:
            raise ValueError(f"{self._card.name} takes raw events, got a grid: use run_events")
        held = self._inputs[GRID]
        if grid.shape != held.shape[1:]:
            raise ValueError(f"engine takes {held.shape[1:]}, got {grid.shape}")
        held[0] = grid
        return self._run({}, memory, elapsed)

    def stage(self, packet: EventPacket) -> Columns:
        return self._columns.fill(packet)

    def run_staged(
        self, staged: object, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        assert isinstance(staged, np.ndarray)
        try:
            return self._run(dict(zip(COLUMNS, staged, strict=True)), memory, elapsed)
        finally:
            self._columns.give_back(staged)

    def run_events(
        self, packet: EventPacket, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        return self.run_staged(self.stage(packet), memory, elapsed=elapsed)

    def _run(
        self, columns: Mapping[str, npt.NDArray[Any]], memory: Memory | None, elapsed: float
    ) -> Outputs:
        """Run on what ``_inputs`` hold, and raw events, if any."""
        if ELAPSED in self._inputs:
            self._inputs[ELAPSED][0] = elapsed
        used = self.new_memory() if memory is None else memory
        assert used is None or isinstance(used, OnnxMemory), f"a memory of another backend: {used}"
        try:
            if self._device is not None:
                return self._device.run(self._inputs[GRID][0])
            # A bound CPU buffer is copied to the GPU when it is bound.
            bound = columns if self._provider == "CPU" else {**self._inputs, **columns}
            for name, array in bound.items():
                self._binding.bind_cpu_input(name, array)
            if used is not None:
                used.bind(self._binding.bind_ortvalue_input, self._binding.bind_ortvalue_output)
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # ONNX Runtime's own classes share no base
            raise run_error(self._provider, error) from error
        if used is not None:
            used.advance()
        return self._outputs

    def warm_up(self) -> None:
        """Run once on a window without events."""
        card = self._card
        if card.sensor:
            self.run_events(empty_packet(SensorSize(*card.sensor), 0, card.window_us))
        else:
            self.run(np.zeros(input_shape(card)[1:], np.float32))

    def on_cpu(self) -> OnnxEngine:
        card = self._card
        size = (card.input_width, card.input_height) if card.is_dynamic else None
        return load(self._path, provider="cpu", input_size=size)

    def close(self) -> None:
        """Drop nothing by hand: the session frees its memory with its last reference."""


def build(model_path: Path, engine_path: Path, *, progress: Callable[[str], None]) -> None:
    """Write ``model_path`` as an ONNX file with its weights and its card inside.

    Raises:
        EngineError: the model cannot be exported, or the file cannot be written.
    """
    from export.onnx_graph import write_onnx  # torch
    from models.model_file import load_model

    progress(f"reading {model_path}")
    module, card = load_model(model_path)
    progress(f"exporting {card.name} to {engine_path}")
    write_onnx(module, card, engine_path)


def load(
    engine_path: Path,
    *,
    provider: str = "auto",
    config: cpu.Config | None = None,
    notes: tuple[str, ...] = (),
    progress: Callable[[str], None] = lambda line: None,
    input_size: tuple[int, int] | None = None,
) -> OnnxEngine:
    """Load an engine and run it once or twice, so that the first window is not slow.

    Args:
        engine_path: An .onnx file made by ``build``.
        provider: "auto" (CUDA if it can run, else the CPU), "cpu", "cuda" or "tensorrt".
        config: How it uses the cores.
        notes: What the user must know already, such as why it is this provider.
        progress: Told what takes long.
        input_size: Width and height, for an engine that takes any; default: its card's.

    Raises:
        EngineError: the file cannot be honoured, or there is no such provider or size.
    """
    card = read_card(engine_path)
    if input_size is not None:
        card = resized(card, *input_size)
    opened = open_session(engine_path, card, provider, config, progress=progress)
    check_shapes(engine_path, opened.session, card)
    try:
        engine = OnnxEngine(engine_path, card, opened, *notes)
        for _ in range(NUM_WARM_UPS):
            engine.warm_up()
    except Exception as error:  # ONNX Runtime's own classes share no base
        lost = error if isinstance(error, EngineError) else run_error(opened.provider, error)
        if not isinstance(lost, DeviceLostError):
            raise lost from None
        notes = (*notes, f"{lost}: running on the CPU")
        return load(engine_path, provider="cpu", config=config, notes=notes, input_size=input_size)
    return engine
