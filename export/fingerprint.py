"""What a measurement or a built engine holds for: one file, on one machine with its libraries."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

from export.libraries import has_driver

MANAGEMENT = {"linux": "libnvidia-ml.so.1", "win32": "nvml.dll"}
"""NVIDIA's management library (NVML), part of the driver, by system."""
DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu", "openvino", "tensorrt-cu13", "tensorrt-rtx")
NUM_DIGITS = 16
TEXT_BYTES = 96


def file_digest(path: Path) -> str:
    """Return the first digits of a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:NUM_DIGITS]


def machine_digest() -> str:
    """Return the first digits of the SHA-256 of what ``machine`` says."""
    text = json.dumps(machine(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:NUM_DIGITS]


@functools.cache
def machine() -> dict[str, str]:
    """Return the processor, the GPU with its driver, and the versions of what runs engines."""
    found = {"cpu": processor(), "cores": str(os.cpu_count()), "system": platform.platform()}
    if has_driver():
        found |= gpu()
    for name in DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Return the processor's name as its maker gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def gpu() -> dict[str, str]:
    """Return the first GPU's name and its driver's version; empty where the driver does not say.

    Source: NVML's API reference, nvmlDeviceGetName and nvmlSystemGetDriverVersion.
    """
    try:
        nvml = ctypes.CDLL(MANAGEMENT.get(sys.platform, ""))
    except OSError:
        return {}
    name, driver = ctypes.create_string_buffer(TEXT_BYTES), ctypes.create_string_buffer(TEXT_BYTES)
    device = ctypes.c_void_p()
    failure = (  # each returns 0 where it succeeds
        nvml.nvmlInit_v2()
        or nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device))
        or nvml.nvmlDeviceGetName(device, name, TEXT_BYTES)
        or nvml.nvmlSystemGetDriverVersion(driver, TEXT_BYTES)
    )
    if failure:
        return {}
    nvml.nvmlShutdown()
    return {"gpu": name.value.decode(errors="replace"), "driver": driver.value.decode()}
