"""ONNX Runtime: on the CPU, or a GPU through CUDA or TensorRT; running imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from events.packet import EventPacket, SensorSize, empty_packet
from export.backends.backend import EngineError, Memory, Outputs
from export.event_input import COLUMNS, Columns, EventColumns
from export.onnx_card import read_card
from export.onnx_shapes import GRID, check_shapes, input_shape
from export.sessions import first_line, open_session
from models.card import ModelCard

SUFFIX = ".onnx"
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
NUM_WARM_UPS = 2


class OnnxEngine:
    """A session whose input and outputs are buffers bound once, so that a run allocates nothing."""

    def __init__(
        self,
        path: Path,
        session: onnxruntime.InferenceSession,
        card: ModelCard,
        provider: str,
        notes: tuple[str, ...],
    ) -> None:
        self._path = path
        self._session = session
        self._card = card
        self._provider = provider
        self._notes = notes
        self._columns = EventColumns(card)
        self._grid = np.zeros(input_shape(card), np.float32)
        self._outputs: dict[str, npt.NDArray[Any]] = {
            output.name: np.empty(output.shape, TYPES[output.type])
            for output in session.get_outputs()
        }
        self._binding = session.io_binding()
        if not self.is_fed_events:
            self._binding.bind_cpu_input(GRID, self._grid)
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

    def new_memory(self) -> None:
        return None

    def run(
        self, grid: npt.NDArray[np.float32], memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        if self.is_fed_events:
            raise ValueError(f"{self._card.name} takes raw events, got a grid: use run_events")
        if grid.shape != self._grid.shape[1:]:
            raise ValueError(f"engine takes {self._grid.shape[1:]}, got {grid.shape}")
        self._grid[0] = grid
        # A bound CPU buffer is copied to the GPU when it is bound.
        return self._run({} if self._provider == "CPU" else {GRID: self._grid})

    def stage(self, packet: EventPacket) -> Columns:
        return self._columns.fill(packet)

    def run_staged(
        self, staged: object, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        assert isinstance(staged, np.ndarray)
        return self._run(dict(zip(COLUMNS, staged, strict=True)))

    def run_events(
        self, packet: EventPacket, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        return self.run_staged(self.stage(packet), memory, elapsed=elapsed)

    def _run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Outputs:
        """Bind ``inputs`` anew and run."""
        try:
            for name, array in inputs.items():
                self._binding.bind_cpu_input(name, array)
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # ONNX Runtime's own classes share no base
            raise EngineError(f"{self._provider} failed: {first_line(error)}") from error
        return self._outputs

    def run_on_device(self, address: int) -> Outputs:
        """Return the raw outputs for a grid that is in the GPU's memory already.

        Args:
            address: Of a contiguous (C, input_height, input_width) float32 array that is complete.
        """
        shape = self._grid.shape
        self._binding.bind_input(GRID, "cuda", 0, np.float32, shape, address)
        self._session.run_with_iobinding(self._binding)
        return self._outputs

    def on_cpu(self) -> OnnxEngine:
        return load(self._path, provider="cpu")

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
    engine_path: Path, *, provider: str = "auto", num_threads: int | None = None
) -> OnnxEngine:
    """Load an engine and run it once or twice, so that the first window is not slow.

    Args:
        engine_path: An .onnx file made by ``build``.
        provider: "auto" (the GPU if there is a usable one), "cpu", "cuda" or "tensorrt".
        num_threads: Threads of one operator on the CPU; default 2, or 1 on a single core.

    Raises:
        EngineError: the file cannot be honoured, or there is no such provider.
    """
    card = read_card(engine_path)
    session, name, notes = open_session(engine_path, provider, num_threads)
    check_shapes(engine_path, session, card)
    engine = OnnxEngine(engine_path, session, card, name, notes)
    for _ in range(NUM_WARM_UPS):
        if card.sensor:
            engine.run_events(empty_packet(SensorSize(*card.sensor), 0, card.window_us))
        else:
            engine.run(np.zeros(input_shape(card)[1:], np.float32))
    return engine
