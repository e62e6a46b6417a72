"""Which engine to run: the one that ships with Saccade, or any file that a backend knows."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import cast

from export.backends.backend import Backend, Engine, EngineError

DEFAULT_ENGINE = Path(__file__).parent / "assets" / "saccade-default.onnx"
BACKENDS = {".onnx": "export.backends.onnxruntime", ".safetensors": "export.backends.eager"}
"""Module by suffix; imported only when asked for, so that an ONNX engine imports no torch."""


def default_engine_path() -> Path:
    """Return the engine that ships with Saccade.

    Raises:
        EngineError: this installation lacks it.
    """
    if not DEFAULT_ENGINE.is_file():
        raise EngineError(
            f"the engine that ships with Saccade is missing ({DEFAULT_ENGINE}): "
            "install Saccade again, or choose another with --engine"
        )
    return DEFAULT_ENGINE


def load_engine(
    path: Path | str | None = None,
    provider: str = "auto",
    *,
    input_size: tuple[int, int] | None = None,
) -> Engine:
    """Load an engine by its file's suffix; None is the one that ships with Saccade.

    Args:
        path: The engine's file.
        provider: As its backend takes it.
        input_size: Width and height, for an engine that takes any; None is its card's.

    Raises:
        EngineError: no backend knows the suffix, or the file cannot be honoured.
    """
    path = default_engine_path() if path is None else Path(path)
    if path.suffix not in BACKENDS:
        names = " or ".join(f"*{suffix}" for suffix in BACKENDS)
        raise EngineError(f"{path} is not an engine: expected a file named {names}")
    backend = cast(Backend, importlib.import_module(BACKENDS[path.suffix]))
    return backend.load(path, provider=provider, input_size=input_size)
