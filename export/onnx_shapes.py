"""What an ONNX engine's inputs and outputs must look like, by its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from export.backends.backend import EngineError
from export.event_input import COLUMNS, NUM_EVENTS
from models.card import DEPTH_M, LABELS, TOKENS, ModelCard

if TYPE_CHECKING:
    import onnxruntime

Kind = TypeVar("Kind")

GRID = "events"
"""Name of the input that takes a grid."""
ELAPSED = "elapsed"
"""Name of a streaming engine's input that takes the strides since the window before."""
MEMORY, NEXT_MEMORY = "memory_", "next_memory_"
"""How the names begin of what a streaming engine remembers, as input and as output."""

DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}
"""numpy's types by ONNX Runtime's names."""


def input_shape(card: ModelCard) -> tuple[int, int, int, int]:
    """Return (1, C, H, W) of the grid input."""
    return (1, card.spec.num_channels, card.input_height, card.input_width)


def is_memory(name: str) -> bool:
    """Return whether an input or output is a part of what a stream remembers."""
    return name.startswith((MEMORY, NEXT_MEMORY))


def check_shapes(path: Path, session: onnxruntime.InferenceSession, card: ModelCard) -> None:
    """Refuse a graph whose input or outputs are not what its card says."""
    inputs = {item.name: (item.type, tuple(item.shape)) for item in session.get_inputs()}
    expected: dict[str, tuple[str, tuple[int | str, ...]]] = {
        GRID: ("tensor(float)", input_shape(card))
    }
    if card.input == "events":
        expected = {name: ("tensor(int32)", (NUM_EVENTS,)) for name in COLUMNS}
    kinds = {item.name: (item.type, tuple(item.shape)) for item in session.get_outputs()}
    expected |= stream_inputs(card, kinds, ("tensor(float)", (1,)))
    if inputs != expected:
        raise EngineError(f"{path} takes {inputs}, its card says {expected}: export it again")
    outputs = {item.name: item.shape for item in session.get_outputs() if not is_memory(item.name)}
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
    for name in (LABELS, DEPTH_M):
        if name in outputs and outputs[name] != [1, *reversed(card.sensor or ())]:
            raise EngineError(
                f"{path} gives {name} of shape {outputs[name]}, its card has a sensor of "
                f"{card.sensor}: export it again"
            )
    for task in set(card.outputs) - {LABELS, DEPTH_M, TOKENS}:  # no card says how wide tokens are
        shape = outputs[task]
        num_dims = 2 if task == "recognition" else 4
        if len(shape) != num_dims or shape[:2] != [1, channels.get(task, 0)]:
            raise EngineError(
                f"{path} gives {task} of shape {shape}, its card has {channels.get(task, 0)} "
                "channels: export it again"
            )


def stream_inputs(card: ModelCard, outputs: Mapping[str, Kind], elapsed: Kind) -> dict[str, Kind]:
    """Return the other inputs of a streaming engine: what it remembers is what it gives.

    Args:
        card: Says whether it streams.
        outputs: Type and shape of each, by name, as the runtime tells them.
        elapsed: Those of ``elapsed``.
    """
    if not card.is_streaming:
        return {}
    memory = {
        MEMORY + name.removeprefix(NEXT_MEMORY): kind
        for name, kind in outputs.items()
        if name.startswith(NEXT_MEMORY)
    }
    return {ELAPSED: elapsed, **memory}
