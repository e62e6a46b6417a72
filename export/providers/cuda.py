"""CUDA through ONNX Runtime: no build, every operator, a run recorded once as a CUDA graph.

The GPU build of ONNX Runtime lists CUDA on every machine and falls back to the CPU without an
exception, after lines on stderr. So it is asked for only where its libraries load.
Source of the options: https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html
"""

from __future__ import annotations

import sys
from pathlib import Path

from export.libraries import DRIVER, has_driver, missing, preload_wheels
from export.providers.provider import Arithmetic, Setup
from models.card import ModelCard

RUNTIME_NAME = "CUDAExecutionProvider"
STAND_INS: tuple[str, ...] = ()
CURE = "pip install 'onnxruntime-gpu[cuda,cudnn]'"
DRIVER_CURE = "install NVIDIA's driver, 580 or newer"


def problem() -> str | None:
    """Return which library is missing and the command that installs it; None if CUDA can run."""
    import onnxruntime

    if RUNTIME_NAME not in onnxruntime.get_available_providers():
        return (
            "this ONNX Runtime is built without it: "
            "pip uninstall -y onnxruntime && pip install onnxruntime-gpu"
        )
    if not has_driver():
        return f"{DRIVER.get(sys.platform, 'a driver for this system')} not found: {DRIVER_CURE}"
    preload_wheels()
    lacking = missing(_libraries())
    return f"{', '.join(lacking)} not found: {CURE}" if lacking else None


def arithmetic(card: ModelCard) -> Arithmetic:
    """Return the engine's own precision: TF32 is off."""
    return card.precision


def setup(path: Path, card: ModelCard, *, uses_graph: bool = False) -> Setup:
    """Return options for one stream of runs of one shape."""
    options = {
        "cudnn_conv_algo_search": "EXHAUSTIVE",  # shapes never change: paid once, while warming up
        "arena_extend_strategy": "kSameAsRequested",  # the GPU draws the desktop too
        "use_tf32": "0",  # an fp32 engine gives what the CPU gives; who wants speed exports fp16
        "enable_cuda_graph": str(int(uses_graph)),
    }
    return Setup(path=path, options=options)


def _libraries() -> tuple[str, ...]:
    """Return the names of the libraries that this ONNX Runtime's CUDA provider links to."""
    import onnxruntime

    major = str(getattr(onnxruntime, "cuda_version", "") or "13").split(".")[0]
    if sys.platform == "win32":
        return (f"cublasLt64_{major}.dll", "cudnn64_9.dll")
    return (f"libcublasLt.so.{major}", "libcudnn.so.9")
