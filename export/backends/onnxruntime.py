"""ONNX Runtime: on the CPU, or a GPU through CUDA or TensorRT; running imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from export.backends.backend import DeviceLostError, EngineError, Memory, Outputs
from export.device_buffers import DeviceBuffers
from export.onnx_card import read_card
from export.onnx_shapes import GRID, check_shapes, input_shape
from export.providers import cpu
from export.runtime_errors import run_error
from export.sessions import Opened, open_session
from models.card import ModelCard

SUFFIX = ".onnx"
NUM_WARM_UPS = 2


class OnnxEngine:
    """A session whose input and outputs are buffers bound once, so that a run allocates nothing."""

    def __init__(self, path: Path, card: ModelCard, opened: Opened, *notes: str) -> None:
        session: onnxruntime.InferenceSession = opened.session
        self._path = path
        self._session = session
        self._card = card
        self._provider = opened.provider
        self._notes = (*opened.notes, *notes)
        self._device = DeviceBuffers(session) if opened.has_device_buffers else None
        self._grid = np.zeros(session.get_inputs()[0].shape, np.float32)
        self._outputs: dict[str, npt.NDArray[np.float32]] = {
            output.name: np.empty(output.shape, np.float32) for output in session.get_outputs()
        }
        self._binding = session.io_binding()
        self._binding.bind_cpu_input(GRID, self._grid)
        for name, array in self._outputs.items():
            self._binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def provider(self) -> str:
        return self._provider

    @property
    def notes(self) -> tuple[str, ...]:
        return self._notes

    def new_memory(self) -> None:
        return None

    def run(
        self, grid: npt.NDArray[np.float32], memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        if grid.shape != self._grid.shape[1:]:
            raise ValueError(f"engine takes {self._grid.shape[1:]}, got {grid.shape}")
        try:
            if self._device is not None:
                return self._device.run(grid)
            self._grid[0] = grid
            if self._provider != "CPU":  # a bound CPU buffer is copied to the GPU when it is bound
                self._binding.bind_cpu_input(GRID, self._grid)
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # ONNX Runtime's own classes share no base
            raise run_error(self._provider, error) from error
        return self._outputs

    def run_on_device(self, address: int) -> Outputs:
        """Return the raw outputs for a grid that is in the GPU's memory already.

        Args:
            address: Of a contiguous (C, input_height, input_width) float32 array that is complete.

        Raises:
            ValueError: the engine does not run on a GPU.
        """
        if self._device is None:
            raise ValueError(f"{self._card.name} has no buffers on a GPU: it runs on the CPU")
        return self._device.run_at(address)

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
    engine_path: Path,
    *,
    provider: str = "auto",
    config: cpu.Config | None = None,
    notes: tuple[str, ...] = (),
    progress: Callable[[str], None] = lambda line: None,
) -> OnnxEngine:
    """Load an engine and run it once or twice, so that the first window is not slow.

    Args:
        engine_path: An .onnx file made by ``build``.
        provider: "auto" (CUDA if it can run, else the CPU), "cpu", "cuda" or "tensorrt".
        config: How it uses the cores.
        notes: What the user must know already, such as why it is this provider.
        progress: Told what takes long.

    Raises:
        EngineError: the file cannot be honoured, or there is no such provider.
    """
    card = read_card(engine_path)
    opened = open_session(engine_path, card, provider, config, progress=progress)
    check_shapes(engine_path, opened.session, card)
    try:
        engine = OnnxEngine(engine_path, card, opened, *notes)
        for _ in range(NUM_WARM_UPS):
            engine.run(np.zeros(input_shape(card)[1:], np.float32))
    except Exception as error:  # ONNX Runtime's own classes share no base
        lost = error if isinstance(error, EngineError) else run_error(opened.provider, error)
        if not isinstance(lost, DeviceLostError):
            raise lost from None
        notes = (*notes, f"{lost}: running on the CPU")
        return load(engine_path, provider="cpu", config=config, notes=notes)
    return engine
