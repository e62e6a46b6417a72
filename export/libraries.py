"""Which shared libraries load here; packages on disk say nothing of it."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

DRIVER = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}
"""NVIDIA's driver by system."""


def loads(library: str) -> bool:
    """Return whether the loader finds a library and all that it links to; "" is none."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return bool(library)


def missing(names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that do not load."""
    return [name for name in names if not loads(name)]


def has_driver() -> bool:
    """Return whether NVIDIA's driver is installed."""
    return loads(DRIVER.get(sys.platform, ""))


def preload_wheels() -> None:
    """Load CUDA from NVIDIA's wheels, which torch brings; their folder is on no search path."""
    import onnxruntime

    site = Path(onnxruntime.__file__).parent.parent
    if (site / "nvidia").is_dir() and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls(directory="")


def is_installed(module: str) -> bool:
    """Return whether a Python module is there, without importing it."""
    return importlib.util.find_spec(module) is not None
