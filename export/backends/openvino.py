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
from export.onnx_shapes import ELAPSED, GRID, MEMORY, input_shape, is_memory, stream_inputs
from export.providers import openvino as provider_file
from export.runtime_errors import first_line, load_error
from export.swapping_memory import SwappingMemory
from models.card import ModelCard

SUFFIX = ".onnx"
TITLE = "OpenVINO"
NUM_WARM_UPS = 2


class OpenVinoMemory(SwappingMemory[Any]):
    """Its buffers are OpenVINO's tensors.

    Args:
        inputs: Those of a streaming engine's graph, by name.
    """

    def __init__(self, inputs: dict[str, Any]) -> None:
        one, other = (
            {
                name.removeprefix(MEMORY): _runtime().Tensor(item.element_type, item.shape)
                for name, item in inputs.items()
                if is_memory(name)
            }
            for _ in range(2)
        )
        super().__init__(one, other)

    def _clear(self, name: str, buffer: Any) -> None:
        buffer.data[...] = 0


class OpenVinoEngine:
    """One inference request whose inputs are buffers of ours.

    What a stream remembers is set for each run: see OpenVinoMemory.
    """

    def __init__(self, path: Path, compiled: Any, card: ModelCard, notes: tuple[str, ...]) -> None:
        self._path = path
        self._card = card
        self._notes = notes
        self._inputs = _by_name(compiled.inputs, card)
        self._grid = np.zeros(input_shape(card), np.float32)
        self._elapsed = np.ones(1, np.float32)
        self._request = compiled.create_infer_request()
        for name, array in ((GRID, self._grid), (ELAPSED, self._elapsed)):
            if name in self._inputs:
                self._request.set_tensor(name, _runtime().Tensor(array, shared_memory=True))

    @property
    def card(self) -> ModelCard:
        return self._card

    @property
    def provider(self) -> str:
        return TITLE

    @property
    def notes(self) -> tuple[str, ...]:
        return self._notes

    def new_memory(self) -> OpenVinoMemory | None:
        return OpenVinoMemory(self._inputs) if self._card.is_streaming else None

    def run(
        self, grid: npt.NDArray[np.float32], memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        if grid.shape != self._grid.shape[1:]:
            raise ValueError(f"engine takes {self._grid.shape[1:]}, got {grid.shape}")
        self._grid[0] = grid
        self._elapsed[0] = elapsed
        used = self.new_memory() if memory is None else memory
        assert used is None or isinstance(used, OpenVinoMemory), f"another backend's: {used}"
        try:
            if used is not None:
                used.bind(self._request.set_tensor, self._request.set_tensor)
            self._request.infer()
        except RuntimeError as error:
            raise EngineError(f"{TITLE} failed: {first_line(error)}") from error
        if used is not None:
            used.advance()
        return {name: self._request.get_tensor(name).data for name in self._card.outputs}

    def on_cpu(self) -> OpenVinoEngine:
        return load(self._path)

    def close(self) -> None:
        """Drop nothing by hand: the request frees its memory with its last reference."""


def refusal(card: ModelCard) -> str | None:
    """Return why this file's engine takes no such card; None if it does."""
    if card.input != "grid":
        return "it takes grids here, no raw events"
    if card.is_streaming and card.temporal.get("kind") == "causal_transformer":
        # 2026.4 was seen to go wrong there, once in hundreds of streams, snippets off
        return "attention over what is remembered is not reliable here"
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
    engine = OpenVinoEngine(engine_path, _compile(engine_path, card), card, notes)
    for _ in range(NUM_WARM_UPS):
        engine.run(np.zeros(input_shape(card)[1:], np.float32))
    return engine


def _compile(path: Path, card: ModelCard) -> Any:
    """Return the file's graph, compiled and as its card says."""
    try:
        openvino = _runtime()
    except ImportError as error:
        raise EngineError(
            f"OpenVINO does not load ({first_line(error)}): pip install --force-reinstall openvino"
        ) from None
    grid = input_shape(card)
    try:
        core = openvino.Core()
        model = core.read_model(path)
        if card.is_dynamic:
            model.reshape({GRID: grid})
        options = provider_file.setup(path, card).options
        if _has_as_many_tokens_as_heads(model):
            options = {**options, "SNIPPETS_MODE": "DISABLE"}  # 2026.4 fuses it to wrong numbers
        compiled = core.compile_model(model, "CPU", options)
    except RuntimeError as error:
        raise load_error(path, error) from None
    inputs, outputs = (_kinds(items, card) for items in (compiled.inputs, compiled.outputs))
    expected = {GRID: ("f32", grid), **stream_inputs(card, outputs, ("f32", (1,)))}
    given = {name for name in outputs if not is_memory(name)}
    if inputs != expected or given != set(card.outputs):
        raise EngineError(
            f"{path} takes {inputs} and gives {', '.join(sorted(given))}, its card says "
            f"{expected} and {', '.join(card.outputs)}: export it again"
        )
    return compiled


def _has_as_many_tokens_as_heads(model: Any) -> bool:
    """Return whether some attention does, by the (B, heads, tokens, seen) shapes of softmaxes."""
    shapes = (
        op.get_output_partial_shape(0) for op in model.get_ops() if op.get_type_name() == "Softmax"
    )
    fixed = (tuple(shape.to_shape()) for shape in shapes if shape.is_static)
    return any(len(shape) == 4 and shape[1] == shape[2] for shape in fixed)


def _kinds(items: Any, card: ModelCard) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return type and shape of inputs or outputs, by name."""
    return {
        name: (item.element_type.get_type_name(), tuple(item.shape))
        for name, item in _by_name(items, card).items()
    }


def _by_name(items: Any, card: ModelCard) -> dict[str, Any]:
    """Return inputs or outputs by the name that the card means; each may have several."""
    known = {GRID, ELAPSED, *card.outputs}
    return {
        next((name for name in item.names if name in known or is_memory(name)), item.any_name): item
        for item in items
    }


def _runtime() -> ModuleType:
    """Return the openvino module, without the telemetry that tells Intel of every import."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")
