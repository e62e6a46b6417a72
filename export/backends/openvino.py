"""OpenVINO: runs .onnx engines on the CPU, often faster than ONNX Runtime; imports no torch."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from export.backends.backend import EngineError, Memory, Outputs
from export.input_size import resized
from export.onnx_card import read_card
from export.onnx_shapes import GRID, input_shape
from export.providers import openvino as provider_file
from export.runtime_errors import first_line, load_error
from models.card import ModelCard

SUFFIX = ".onnx"
TITLE = "OpenVINO"
NUM_WARM_UPS = 2


class OpenVinoEngine:
    """One inference request whose input is a buffer of ours."""

    def __init__(self, path: Path, request: Any, card: ModelCard, notes: tuple[str, ...]) -> None:
        self._path = path
        self._request = request
        self._card = card
        self._notes = notes
        self._grid = np.zeros(input_shape(card), np.float32)
        request.set_tensor(GRID, _runtime().Tensor(self._grid, shared_memory=True))

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def provider(self) -> str:
        return TITLE

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
            self._request.infer()
        except RuntimeError as error:
            raise EngineError(f"{TITLE} failed: {first_line(error)}") from error
        return {name: self._request.get_tensor(name).data for name in self._card.outputs}

    def on_cpu(self) -> OpenVinoEngine:
        return load(self._path)

    def close(self) -> None:
        """Drop nothing by hand: the request frees its memory with its last reference."""


def refusal(card: ModelCard) -> str | None:
    """Return why this file's engine takes no such card; None if it does."""
    if card.is_streaming:
        return "it has no memory of earlier windows here"
    if card.input != "grid":
        return "it takes grids here, no raw events"
    return None


def build(model_path: Path, engine_path: Path, *, progress: Callable[[str], None]) -> None:
    """Write ``model_path`` as an ONNX file: OpenVINO reads those as they are.

    Raises:
        EngineError: the model cannot be exported, or the file cannot be written.
    """
    from export.onnx_graph import write_onnx  # torch
    from models.model_file import load_model

    progress(f"exporting {model_path} to {engine_path}")
    module, card = load_model(model_path)
    write_onnx(module, card, engine_path)


def load(
    engine_path: Path,
    *,
    provider: str = "openvino",
    notes: tuple[str, ...] = (),
    progress: Callable[[str], None] = lambda line: None,
    input_size: tuple[int, int] | None = None,
) -> OpenVinoEngine:
    """Load an engine and run it once or twice, so that the first window is not slow.

    Args:
        engine_path: An .onnx file made by `saccade export`.
        provider: "openvino", "auto" or "cpu": all are the CPU.
        notes: What the user must know already, such as why it is this provider.
        progress: Told what takes long.
        input_size: Width and height, for an engine that takes any; default: its card's.

    Raises:
        EngineError: the file cannot be honoured, OpenVINO does not load, or there is no such
            provider.
    """
    if provider not in ("openvino", "auto", "cpu"):
        raise EngineError(f"OpenVINO runs on openvino, auto or cpu, got {provider!r}")
    card = read_card(engine_path)
    if input_size is not None:
        card = resized(card, *input_size)
    reason = refusal(card)
    if reason:
        raise EngineError(f"OpenVINO cannot run {engine_path} ({reason}): use --provider cpu")
    request = _compile(engine_path, card)
    engine = OpenVinoEngine(engine_path, request, card, notes)
    for _ in range(NUM_WARM_UPS):
        engine.run(np.zeros(input_shape(card)[1:], np.float32))
    return engine


def _compile(path: Path, card: ModelCard) -> Any:
    """Return an inference request of the file's graph."""
    try:
        openvino = _runtime()
    except ImportError as error:
        raise EngineError(
            f"OpenVINO does not load ({first_line(error)}): pip install --force-reinstall openvino"
        ) from None
    expected = {GRID: input_shape(card)}
    try:
        core = openvino.Core()
        model = core.read_model(path)
        if card.is_dynamic:
            model.reshape(dict(expected))
        compiled = core.compile_model(model, "CPU", provider_file.setup(path, card).options)
    except RuntimeError as error:
        raise load_error(path, error) from None
    found = {item.any_name: tuple(item.shape) for item in compiled.inputs}
    outputs = {item.any_name for item in compiled.outputs}
    if found != expected or outputs != set(card.outputs):
        raise EngineError(
            f"{path} takes {found} and gives {', '.join(sorted(outputs))}, its card says "
            f"{expected} and {', '.join(card.outputs)}: export it again"
        )
    return compiled.create_infer_request()


def _runtime() -> ModuleType:
    """Return the openvino module, without the telemetry that tells Intel of every import."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")
