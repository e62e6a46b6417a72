"""ONNX Runtime: on the CPU, or a GPU through CUDA or TensorRT; running imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from export.backends.backend import EngineError, Memory, Outputs
from export.onnx_card import read_card
from export.onnx_memory import OnnxMemory
from export.onnx_shapes import ELAPSED, GRID, check_shapes, input_shape, is_memory
from export.sessions import first_line, open_session
from models.card import ModelCard

SUFFIX = ".onnx"
NUM_WARM_UPS = 2


class OnnxEngine:
    """A session whose inputs and outputs are buffers bound once, so that a run allocates nothing.

    What a stream remembers is bound for each run: see OnnxMemory.
    """

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
        self._inputs: dict[str, npt.NDArray[np.float32]] = {
            each.name: np.zeros(each.shape, np.float32)
            for each in session.get_inputs()
            if not is_memory(each.name)
        }
        self._outputs: dict[str, npt.NDArray[np.float32]] = {
            each.name: np.empty(each.shape, np.float32)
            for each in session.get_outputs()
            if not is_memory(each.name)
        }
        self._binding = session.io_binding()
        self._bind_inputs()
        for name, array in self._outputs.items():
            self._binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)

    def _bind_inputs(self) -> None:
        for name, array in self._inputs.items():
            self._binding.bind_cpu_input(name, array)

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def provider(self) -> str:
        return self._provider

    @property
    def notes(self) -> tuple[str, ...]:
        return self._notes

    def new_memory(self) -> OnnxMemory | None:
        if not self._card.is_streaming:
            return None
        return OnnxMemory(self._session, "cpu" if self._provider == "CPU" else "cuda")

    def run(
        self, grid: npt.NDArray[np.float32], memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        held = self._inputs[GRID]
        if grid.shape != held.shape[1:]:
            raise ValueError(f"engine takes {held.shape[1:]}, got {grid.shape}")
        held[0] = grid
        if ELAPSED in self._inputs:
            self._inputs[ELAPSED][0] = elapsed
        used = self.new_memory() if memory is None else memory
        assert used is None or isinstance(used, OnnxMemory), f"a memory of another backend: {used}"
        try:
            if self._provider != "CPU":  # a bound CPU buffer is copied to the GPU when it is bound
                self._bind_inputs()
            if used is not None:
                used.bind(self._binding)
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # ONNX Runtime's own classes share no base
            raise EngineError(f"{self._provider} failed: {first_line(error)}") from error
        if used is not None:
            used.advance()
        return self._outputs

    def run_on_device(self, address: int) -> Outputs:
        """Return the raw outputs for a grid that is in the GPU's memory already.

        Args:
            address: Of a contiguous (C, input_height, input_width) float32 array that is complete.
        """
        shape = self._inputs[GRID].shape
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
        engine.run(np.zeros(input_shape(card)[1:], np.float32))
    return engine
