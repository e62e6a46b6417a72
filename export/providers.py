"""What can run an ONNX engine on this machine, decided by loading the libraries.

The GPU build of ONNX Runtime lists CUDA and TensorRT on every machine and falls back to the CPU
without an exception, after lines on stderr. So a GPU is asked for only where its libraries load.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from pathlib import Path

import onnxruntime

PROVIDERS = ("auto", "cpu", "cuda", "tensorrt")
DISPLAY_NAMES = {
    "CPUExecutionProvider": "CPU",
    "CUDAExecutionProvider": "CUDA",
    "TensorrtExecutionProvider": "TensorRT",
}
_CUDA, _TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
_DRIVER = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}
_TENSORRT_LIBRARIES = {
    "linux": ("libnvinfer.so.10", "libnvonnxparser.so.10"),
    "win32": ("nvinfer_10.dll", "nvonnxparser_10.dll"),
}


def wanted_providers(asked: str) -> tuple[list[str], tuple[str, ...]]:
    """Return ONNX Runtime's provider names to ask for, best first, and notes for the user.

    Args:
        asked: One of PROVIDERS.

    Raises:
        ValueError: ``asked`` is none of them.
    """
    if asked not in PROVIDERS:
        raise ValueError(f"provider must be one of {', '.join(PROVIDERS)}, got {asked!r}")
    if asked == "cpu":
        return ["CPUExecutionProvider"], ()
    wanted, notes = ["CPUExecutionProvider"], []
    cuda_problem = _cuda_problem()
    if cuda_problem is None:
        wanted.insert(0, _CUDA)
    elif asked != "auto" or _has_driver():
        notes.append(f"CUDA cannot be used ({cuda_problem}): running on the CPU")
    if asked == "tensorrt":
        problem = cuda_problem or _tensorrt_problem()
        if problem is None:
            wanted.insert(0, _TENSORRT)
        elif cuda_problem is None:
            notes.append(f"TensorRT cannot be used ({problem}): running on CUDA")
        else:
            notes = [f"TensorRT cannot be used ({problem}): running on the CPU"]
    return wanted, tuple(notes)


@functools.cache
def _has_driver() -> bool:
    return _loads(_DRIVER.get(sys.platform, ""))


@functools.cache
def _cuda_problem() -> str | None:
    """Return why CUDA cannot be used; None if it can."""
    if _CUDA not in onnxruntime.get_available_providers():
        return "this ONNX Runtime is built without it; install onnxruntime-gpu"
    if not _has_driver():
        return f"no NVIDIA driver: {_DRIVER.get(sys.platform, 'none on this system')} not found"
    _preload_wheels()
    missing = [name for name in _cuda_libraries() if not _loads(name)]
    if missing:
        return f"{', '.join(missing)} not found; install onnxruntime-gpu[cuda,cudnn]"
    return None


def _tensorrt_problem() -> str | None:
    """Return why TensorRT cannot be used where CUDA can; None if it can."""
    if _TENSORRT not in onnxruntime.get_available_providers():
        return "this ONNX Runtime is built without it"
    missing = [name for name in _TENSORRT_LIBRARIES.get(sys.platform, ()) if not _loads(name)]
    if missing:
        return f"{', '.join(missing)} not found; install 'tensorrt-cu13>=10.15,<11'"
    return None


def _cuda_libraries() -> tuple[str, ...]:
    """Return the names of the libraries that this ONNX Runtime's CUDA provider links to."""
    major = str(getattr(onnxruntime, "cuda_version", "") or "13").split(".")[0]
    if sys.platform == "win32":
        return (f"cublasLt64_{major}.dll", "cudnn64_9.dll")
    return (f"libcublasLt.so.{major}", "libcudnn.so.9")


def _preload_wheels() -> None:
    """Load CUDA from NVIDIA's wheels, which torch brings; their folder is on no search path."""
    site = Path(onnxruntime.__file__).parent.parent
    if (site / "nvidia").is_dir() and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls(directory="")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return bool(library)
