"""OpenVINO on the CPU: its own runtime reads .onnx files, see export/backends/openvino.py.

ONNX Runtime's OpenVINO provider comes only in a package that replaces onnxruntime-gpu's files, so
the `openvino` package stands beside ONNX Runtime instead.
Source of the properties: https://docs.openvino.ai (CPU device, precision control).
"""

from __future__ import annotations

import os
from pathlib import Path

from export.libraries import is_installed
from export.providers.provider import Arithmetic, Setup
from models.card import ModelCard

RUNTIME_NAME = ""
STAND_INS: tuple[str, ...] = ()
CURE = "pip install openvino"
MAX_THREADS = 2


def problem() -> str | None:
    """Return the command that installs it; None if it is there."""
    return None if is_installed("openvino") else f"openvino is not installed: {CURE}"


def arithmetic(card: ModelCard) -> Arithmetic:
    """Return bf16 for fp32 engines: it takes that where the CPU multiplies it natively."""
    return "bf16" if card.precision == "fp32" else card.precision


def setup(path: Path, card: ModelCard, *, uses_graph: bool = False) -> Setup:
    """Return properties for one window at a time on as many cores as ONNX Runtime takes."""
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": str(min(MAX_THREADS, os.cpu_count() or 1)),
        "ENABLE_CPU_PINNING": "NO",  # the window's threads share these cores
    }
    return Setup(path=path, options=options)
