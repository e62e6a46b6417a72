"""The ONNX inside a TensorRT engine's file, run by ONNX Runtime on the CPU."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket
from export.backends import onnxruntime
from export.backends.backend import Engine, EventEngine, Memory, Outputs
from export.trt.container import EngineFile
from models.card import ModelCard


class EmbeddedEngine:
    """The same network as the file's plan, on the CPU, where the plan cannot run or shall not.

    Args:
        file: Holds the ONNX.
        notes: For the user.

    Raises:
        EngineError: the file has gone or is damaged.
    """

    def __init__(self, file: EngineFile, notes: tuple[str, ...] = ()) -> None:
        self._file = file
        self._notes = notes
        with tempfile.TemporaryDirectory(prefix="saccade-") as folder:
            path = Path(folder) / f"{file.path.stem}.onnx"
            path.write_bytes(file.read_onnx())
            self._engine: Engine = onnxruntime.load(path, provider="cpu")  # keeps all in memory

    @property
    def card(self) -> ModelCard:
        return self._file.card

    @property
    def provider(self) -> str:
        return self._engine.provider

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self._notes, *self._engine.notes)

    def new_memory(self) -> Memory | None:
        return self._engine.new_memory()

    def run(
        self, grid: npt.NDArray[np.float32], memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        return self._engine.run(grid, memory, elapsed=elapsed)

    @property
    def is_fed_events(self) -> bool:
        return self.card.input == "events"

    def stage(self, packet: EventPacket) -> object:
        return cast(EventEngine, self._engine).stage(packet)

    def run_staged(
        self, staged: object, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        return cast(EventEngine, self._engine).run_staged(staged, memory, elapsed=elapsed)

    def run_events(
        self, packet: EventPacket, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        return cast(EventEngine, self._engine).run_events(packet, memory, elapsed=elapsed)

    def on_cpu(self) -> EmbeddedEngine:
        return EmbeddedEngine(self._file)

    def close(self) -> None:
        self._engine.close()
