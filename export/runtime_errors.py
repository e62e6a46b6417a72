"""What a runtime's message means: what cures a file, and whether the device is lost.

The texts are those of ONNX Runtime, CUDA, cuDNN, cuBLAS and TensorRT; no exception class or code
tells these cases apart.
"""

from __future__ import annotations

import re
from pathlib import Path

from export.backends.backend import DeviceLostError, EngineError

MAX_CHARACTERS = 200
OUT_OF_MEMORY = "out of memory"
LOST = (
    (r"CUDA failure 2\b|out of memory|Failed to allocate memory|CUDNN_STATUS_ALLOC_FAILED"
     r"|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED"
     r"|cudaMallocFromPoolAsync failed", OUT_OF_MEMORY),
    (r"CUDA (failure|error) 700\b|illegal memory access", "an illegal memory access"),
    (r"CUDA (failure|error) 719\b|unspecified launch failure", "a kernel failed"),
    (r"CUDA (failure|error) (46|100|101|999)\b|no CUDA-capable device|device is busy",
     "the GPU is gone"),
    (r"device (was )?lost|device (was )?removed|GPU is lost|DXGI_ERROR_DEVICE", "the GPU is gone"),
    (r"CUDNN_STATUS_\w+|CUDNN failure|CUBLAS_STATUS_\w+|CUBLAS failure", "its libraries failed"),
    (r"TensorRT EP execution context enqueue failed|enqueueV3: Error", "TensorRT failed"),
    (r"CUDA (failure|error) \d+", "CUDA failed"),
)  # fmt: skip
"""Patterns of what a device says when it will not run again, and what that is; the first holds."""


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, 200 characters at most."""
    lines = str(error).strip().splitlines()
    return lines[0][:MAX_CHARACTERS] if lines else type(error).__name__


def cause(error: Exception) -> str:
    """Return the part of a long message that names the failure."""
    text = " ".join(str(error).split())
    found = re.search(r"(CUDA|CUDNN|CUBLAS)[ _](failure|error|STATUS)[^;]*", text)
    return (found[0] if found else text)[:MAX_CHARACTERS].strip()


def lost_reason(text: str) -> str | None:
    """Return what happened to the device; None if the text speaks of no device."""
    return next((reason for pattern, reason in LOST if re.search(pattern, text, re.I)), None)


def run_error(provider: str, error: Exception) -> EngineError:
    """Return what a failed run means: a DeviceLostError where the device will not run again."""
    reason = lost_reason(str(error)) if provider != "CPU" else None
    if reason is None:
        return EngineError(f"{provider} failed: {first_line(error)}")
    return DeviceLostError(f"{provider}: {reason} ({cause(error)})")


def load_error(path: Path, error: Exception) -> EngineError:
    """Return why a file's graph cannot be opened, and the cure."""
    text = str(error)
    update = "update onnxruntime, or export the engine again with this Saccade"
    operator = re.search(
        r"No Op registered for (\S+)|error: (\S+?)\(-?\d+\) is not a registered"
        r"|implementation for (\S+?)\(|No conversion rule found for operations: ([\w.]+)", text,
    )  # fmt: skip
    if operator:
        name = next(part for part in operator.groups() if part)
        return EngineError(
            f"{path} needs the operator {name}, which this runtime has not: {update}"
        )
    version = re.search(
        r"Unsupported model IR version: (\d+), max supported IR version: (\d+)", text
    )
    if version:
        return EngineError(
            f"{path} has ONNX IR version {version[1]}, this runtime reads up to {version[2]}: "
            f"{update}"
        )
    opset = re.search(r"Opset (\d+) is under development", text)
    if opset:
        return EngineError(f"{path} has opset {opset[1]}, newer than this runtime: {update}")
    if re.search(r"External data|external initializer", text, re.I):
        return EngineError(
            f"{path} keeps its weights in another file, which is missing: export the engine again"
        )
    if re.search(r"Protobuf parsing failed|INVALID_PROTOBUF|INVALID_GRAPH", text):
        return EngineError(f"{path} is damaged: {first_line(error)}: export it again")
    return EngineError(f"{path} cannot be opened ({cause(error)}): {update}")
