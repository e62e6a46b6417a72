"""Engine files around any plan, for tests of what reads them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from tiny_engine import tiny_card

from export.trt.container import EngineFile, PlanKey, read_engine, write_engine
from models.card import ModelCard


def key_of(onnx: bytes, **changes: object) -> PlanKey:
    key = PlanKey(
        onnx_sha256=hashlib.sha256(onnx).hexdigest(),
        library="TensorRT-RTX",
        version="1.7.1",
        compute_capabilities=("8.6", "8.9"),
        precision="fp32",
    )
    return replace(key, **changes)


def write_file(
    path: Path,
    plan: bytes = b"plan " * 50,
    onnx: bytes = b"onnx " * 30,
    card: ModelCard | None = None,
    **changes: object,
) -> EngineFile:
    """Write an engine file and read it; ``changes`` are of its key."""
    write_engine(path, key_of(onnx, **changes), card or tiny_card(), plan, onnx)
    return read_engine(path)
