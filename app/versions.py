"""What is installed: versions told by metadata, so that nothing heavy is imported."""

from __future__ import annotations

import importlib
import importlib.util
import platform
import re
from collections.abc import Iterator
from importlib import metadata

RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
"""Packages that all write into one folder, site-packages/onnxruntime."""
FOR_GPUS = (("Linux", "x86_64"), ("Windows", "AMD64"))
"""Systems and machines that onnxruntime-gpu has wheels for, as in pyproject.toml."""


def wanted_runtime(system: str, machine: str) -> str:
    """Return the one of RUNTIMES that Saccade installs on a system and machine."""
    return "onnxruntime-gpu" if (system, machine) in FOR_GPUS else "onnxruntime"


WANTED_RUNTIME = wanted_runtime(platform.system(), platform.machine())
REINSTALL = f"pip install --force-reinstall --no-deps {WANTED_RUNTIME}"
FEATURES = {
    "dv-processing": "cameras and network streams",
    "PySide6-Essentials": "the window",
    "torch": "training and export",
    "av": "video",
    "openvino": "a second way to run engines on the CPU",
    "tensorrt-cu13": "TensorRT for data-centre GPUs and Jetson",
    "tensorrt-rtx": "TensorRT for RTX",
}
"""Distributions by what they give; a machine without one lacks that only."""


def version_of(distribution: str) -> str | None:
    """Return a distribution's version, or None where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def installed_runtimes() -> list[str]:
    """Return which of onnxruntime's packages are installed; two overwrite each other's files."""
    return [name for name in RUNTIMES if version_of(name)]


def runtime_problem() -> str | None:
    """Return what is wrong with onnxruntime's packages, and the cure; None if one is installed."""
    installed = installed_runtimes()
    if not installed:
        return f"onnxruntime is not installed: pip install {WANTED_RUNTIME}"
    if len(installed) == 1:
        return None
    return (
        f"{' and '.join(installed)} are installed together and overwrite each other's files: "
        f"pip uninstall -y {' '.join(installed)} && pip install {WANTED_RUNTIME}"
    )


def runtime_providers() -> list[str]:
    """Return the providers onnxruntime was built with, which may not be usable here.

    Raises:
        RuntimeError: onnxruntime does not load, or is broken by its other package's removal.
    """
    try:
        runtime = importlib.import_module("onnxruntime")
        return [re.sub("ExecutionProvider$", "", p) for p in runtime.get_available_providers()]
    except (ImportError, AttributeError) as error:
        raise RuntimeError(f"onnxruntime does not load: {error}") from None


def version_lines() -> Iterator[str]:
    """Yield what `saccade --version` prints."""
    yield f"saccade {version_of('saccade') or '(not installed)'}"
    yield f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    try:
        runtime = " + ".join(f"{name} {version_of(name)}" for name in installed_runtimes())
        providers = ", ".join(runtime_providers())
        yield f"{runtime}, built with {providers} (saccade doctor: usable here)"
    except RuntimeError as error:
        yield f"{error} (saccade doctor: the cure)"
    for distribution, gives in FEATURES.items():
        yield f"{distribution} {version_of(distribution) or 'absent'}: {gives}"
