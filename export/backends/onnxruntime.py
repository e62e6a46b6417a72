"""ONNX Runtime: on the CPU, or a GPU through CUDA or TensorRT; running imports no torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from export.backends.backend import EngineError, Memory, Outputs
from export.onnx_card import read_card
from export.providers import DISPLAY_NAMES, PROVIDERS, wanted_providers
from models.card import ModelCard

SUFFIX = ".onnx"
INPUT = "events"
ERRORS_ONLY = 3
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
        self._grid = np.zeros(session.get_inputs()[0].shape, np.float32)
        self._outputs: dict[str, npt.NDArray[np.float32]] = {
            output.name: np.empty(output.shape, np.float32) for output in session.get_outputs()
        }
        self._binding = session.io_binding()
        self._binding.bind_cpu_input(INPUT, self._grid)
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
        self._grid[0] = grid
        try:
            if self._provider != "CPU":  # a bound CPU buffer is copied to the GPU when it is bound
                self._binding.bind_cpu_input(INPUT, self._grid)
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # ONNX Runtime's own classes share no base
            raise EngineError(f"{self._provider} failed: {_first_line(error)}") from error
        return self._outputs

    def run_on_device(self, address: int) -> Outputs:
        """Return the raw outputs for a grid that is in the GPU's memory already.

        Args:
            address: Of a contiguous (C, input_height, input_width) float32 array that is complete.
        """
        shape = self._grid.shape
        self._binding.bind_input(INPUT, "cuda", 0, np.float32, shape, address)
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
    if provider not in PROVIDERS:
        raise EngineError(f"provider must be one of {', '.join(PROVIDERS)}, got {provider!r}")
    card = read_card(engine_path)
    wanted, notes = wanted_providers(provider)
    try:
        session = onnxruntime.InferenceSession(
            os.fspath(engine_path), _options(num_threads), providers=wanted
        )
    except Exception as error:  # ONNX Runtime's own classes share no base
        raise EngineError(
            f"{engine_path} is damaged or of a newer ONNX Runtime: {_first_line(error)}"
        ) from None
    _check_shapes(engine_path, session, card)
    used = session.get_providers()[0]
    name = DISPLAY_NAMES.get(used, used)
    if used != wanted[0]:
        asked = DISPLAY_NAMES.get(wanted[0], wanted[0])
        notes = (*notes, f"{asked} did not start on this machine: running on {name}")
    engine = OnnxEngine(engine_path, session, card, name, notes)
    for _ in range(NUM_WARM_UPS):
        engine.run(np.zeros(_input_shape(card)[1:], np.float32))
    return engine


def _options(num_threads: int | None) -> onnxruntime.SessionOptions:
    """Return options that leave the cores to other threads: few of its own, none spinning."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = num_threads or min(2, os.cpu_count() or 1)
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _input_shape(card: ModelCard) -> tuple[int, int, int, int]:
    return (1, card.spec.num_channels, card.input_height, card.input_width)


def _check_shapes(path: Path, session: onnxruntime.InferenceSession, card: ModelCard) -> None:
    """Refuse a graph whose input or outputs are not what its card says."""
    inputs = {item.name: (item.type, tuple(item.shape)) for item in session.get_inputs()}
    expected = {INPUT: ("tensor(float)", _input_shape(card))}
    if inputs != expected:
        raise EngineError(f"{path} takes {inputs}, its card says {expected}: export it again")
    outputs = {item.name: item.shape for item in session.get_outputs()}
    if set(outputs) != set(card.outputs):
        raise EngineError(
            f"{path} gives {', '.join(sorted(outputs))}, its card says {', '.join(card.outputs)}: "
            "export it again"
        )
    channels = {
        "recognition": len(card.recognition_labels),
        "segmentation": len(card.segmentation_labels),
        "depth": 1,
    }
    for task in card.tasks:  # how wide tokens are stands in no card
        shape = outputs[task]
        num_dims = 2 if task == "recognition" else 4
        if len(shape) != num_dims or shape[:2] != [1, channels.get(task, 0)]:
            raise EngineError(
                f"{path} gives {task} of shape {shape}, its card has {channels.get(task, 0)} "
                "channels: export it again"
            )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
