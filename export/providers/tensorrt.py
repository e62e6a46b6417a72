"""TensorRT through ONNX Runtime: the fastest, after a build of minutes that is kept.

The first session builds an engine for this very GPU and driver and leaves it in the cache folder
with an EPContext file, an ONNX graph of one node that names it; later sessions open that instead.
Source: https://onnxruntime.ai/docs/execution-providers/TensorRT-ExecutionProvider.html
"""

from __future__ import annotations

import sys
from pathlib import Path

from export.cache_folder import cache_folder
from export.fingerprint import file_digest, machine_digest
from export.libraries import missing
from export.providers.provider import Arithmetic, Setup
from models.card import ModelCard

RUNTIME_NAME = "TensorrtExecutionProvider"
STAND_INS = ("cuda",)
CURE = "pip install 'tensorrt-cu13>=10.15,<11'"
LIBRARIES = {
    "linux": ("libnvinfer.so.10", "libnvonnxparser.so.10"),
    "win32": ("nvinfer_10.dll", "nvonnxparser_10.dll"),
}
CONTEXT_NAME = "context.onnx"


def problem() -> str | None:
    """Return which library is missing and the command that installs it; None if it can run."""
    import onnxruntime

    if RUNTIME_NAME not in onnxruntime.get_available_providers():
        return "this ONNX Runtime is built without it: pip install onnxruntime-gpu"
    if sys.platform not in LIBRARIES:
        return f"there is no TensorRT for {sys.platform}: take another provider"
    lacking = missing(LIBRARIES[sys.platform])
    return f"{', '.join(lacking)} not found: {CURE}" if lacking else None


def arithmetic(card: ModelCard) -> Arithmetic:
    """Return TF32 for fp32 engines: the builder may use it and no option here forbids it."""
    return "tf32" if card.precision == "fp32" else card.precision


def setup(path: Path, card: ModelCard, *, uses_graph: bool = False) -> Setup:
    """Return the engine that was built here before, or how to build and keep one."""
    folder = cache_folder() / "tensorrt" / f"{file_digest(path)}-{machine_digest()}"
    context = folder / CONTEXT_NAME
    options = {
        "trt_fp16_enable": str(int(card.precision == "fp16")),
        "trt_cuda_graph_enable": str(int(uses_graph)),
    }
    if card.is_dynamic:
        from export.onnx_shapes import GRID, input_shape  # onnxruntime

        shape = "x".join(map(str, input_shape(card)))
        bounds = ("min", "opt", "max")
        options |= {f"trt_profile_{bound}_shapes": f"{GRID}:{shape}" for bound in bounds}
    if context.is_file():
        return Setup(path=context, options=options)
    folder.mkdir(parents=True, exist_ok=True)
    options |= {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": "",  # beside the context file: a path of its own is refused
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(folder.parent),
        "trt_dump_ep_context_model": "1",
        "trt_ep_context_file_path": str(context),
        "trt_ep_context_embed_mode": "0",
    }
    return Setup(
        path=path,
        options=options,
        progress=f"building {path.name} for this GPU with TensorRT: minutes, the first time only",
    )
