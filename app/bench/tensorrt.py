"""Engines of TensorRT for RTX: how large they are, and how long they take to build; any machine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from app.bench.row import Row
from export.backends.backend import EngineError
from export.trt.library import RTX, load_library

PRECISIONS: tuple[Literal["fp32", "fp16"], ...] = ("fp32", "fp16")
COMPUTE_CAPABILITY = "8.6"


def rows(model_path: Path, compute_capability: str = COMPUTE_CAPABILITY) -> Iterator[Row]:
    """Yield size and build time of a model's engines; nothing without TensorRT for RTX.

    Args:
        model_path: A model file.
        compute_capability: Of the GPUs to build for.
    """
    try:
        library = load_library(RTX)
    except EngineError:
        return
    from export.backends.tensorrt import build_from_onnx
    from export.onnx_graph import write_onnx
    from models.model_file import load_model

    module, card = load_model(model_path)
    with tempfile.TemporaryDirectory(prefix="saccade-") as folder:
        onnx, engine = Path(folder) / "bench.onnx", Path(folder) / "bench.trt"
        for precision in PRECISIONS:
            write_onnx(module, replace(card, precision=precision), onnx)
            started_s = time.perf_counter()
            build_from_onnx(
                onnx, engine, compute_capabilities=(compute_capability,), progress=lambda _: None
            )
            built_s = time.perf_counter() - started_s
            name = f"{card.name} {precision}, {library} for {compute_capability}"
            yield Row(section="export", name=f"{name}, build", value=built_s, unit="s")
            yield Row(
                section="export",
                name=f"{name}, engine",
                value=engine.stat().st_size / 1e6,
                unit="MB",
                baseline=onnx.stat().st_size / 1e6,
                note="to its ONNX, which it holds besides",
            )
