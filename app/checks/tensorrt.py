"""Which TensorRT loads here, for which GPUs it builds, and what is missing where it does not."""

from __future__ import annotations

from collections.abc import Iterator

from app.checks.check import Check, Outcome, ok, run_child, warn
from app.checks.providers import has_nvidia_gpu
from app.versions import version_of
from export.trt.library import CLASSIC, EDITIONS, RTX, Edition

DISTRIBUTIONS = {RTX: ("tensorrt-rtx",), CLASSIC: ("tensorrt-cu13", "tensorrt-cu12", "tensorrt")}
TORCH = "pip install --force-reinstall 'torch>=2.11,<2.14'"
PROBE = """
import sys
from export.backends.backend import EngineError
from export.trt.library import EDITIONS, load_library
try:
    library = load_library(next(one for one in EDITIONS if one.name == sys.argv[1]))
    library.api.Builder(library.api.Logger(library.api.Logger.INTERNAL_ERROR))
    targets = ", ".join(library.compute_capabilities)
    print(f"loaded: {library.version}, builds for", targets or "the GPU here")
except EngineError as error:
    print(f"failed: {error}")
"""


def check_tensorrt() -> Iterator[Check]:
    """Yield one check for each TensorRT that is installed, or how to get one."""
    installed = [one for one in EDITIONS if any(map(version_of, DISTRIBUTIONS[one]))]
    for edition in installed:
        yield judge(edition, run_child(PROBE, edition.name), has_gpu=has_nvidia_gpu())
    if installed and has_nvidia_gpu() and "+cpu" in (version_of("torch") or ""):
        yield warn("TensorRT", "this torch has no CUDA: *.trt engines run on the CPU", TORCH)
    if not installed:
        yield ok("TensorRT", f"not installed (optional, for *.trt engines): {RTX.cure}")


def judge(edition: Edition, outcome: Outcome, *, has_gpu: bool) -> Check:
    """Return what the probe of one library found out, and the command that cures it."""
    said = outcome.output.strip().splitlines()[-1:] or [""]
    verdict, _, rest = said[0].partition(": ")
    if verdict == "loaded":
        return ok(edition.name, rest if has_gpu else f"{rest}; no NVIDIA GPU here to run it")
    if verdict == "failed":
        problem, _, cure = rest.rpartition(": ")
        return warn(edition.name, problem, cure)
    if not has_gpu and edition is CLASSIC:  # it builds nothing without one
        return ok(edition.name, "installed; no NVIDIA GPU here to build or run engines")
    lines = outcome.errors.strip().splitlines() or [f"ended with code {outcome.code}"]
    reinstall = f"pip install --force-reinstall {edition.requirement}"
    return warn(edition.name, lines[-1][:160], reinstall)
