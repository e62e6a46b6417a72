"""Plans that do not fit this machine are never run: the ONNX beside them is built again, once."""

from __future__ import annotations

import logging

from export.backends.backend import EngineError
from export.trt.build import Target, build_plan
from export.trt.cache import EngineCache
from export.trt.container import EngineFile, PlanKey
from export.trt.device import Gpu
from export.trt.library import Library
from export.trt.target import plan_key

log = logging.getLogger(__name__)


def misfit(key: PlanKey, library: Library, gpu: Gpu) -> str | None:
    """Return why a plan must not run with ``library`` on ``gpu``; None if it may."""
    if key.library != library.name:
        return f"it was built by {key.library}, here is {library}"
    if key.version != library.version:
        return f"it was built by {key.library} {key.version}, here is {library.version}"
    if gpu.compute_capability not in key.compute_capabilities:
        return f"it was built for compute capability {', '.join(key.compute_capabilities)}"
    return None


def fitting(
    file: EngineFile, library: Library, gpu: Gpu, cache: EngineCache
) -> tuple[EngineFile, tuple[str, ...]]:
    """Return an engine file of the same network whose plan may run here, and notes for the user.

    Raises:
        EngineError: the plan does not fit and cannot be built again; the message says both reasons.
    """
    reason = misfit(file.key, library, gpu)
    if reason is None:
        return file, ()
    onnx = file.read_onnx()
    key = plan_key(onnx, file.card, library, (gpu.compute_capability,))
    found = cache.find(key)
    if found is None:
        log.info("building %s again for %s: %s", file.path, gpu, reason)
        try:
            target = Target(compute_capabilities=key.compute_capabilities, profile=key.profile)
            plan = build_plan(library, onnx, target, progress=log.info)
            found = cache.add(key, file.card, plan, onnx)
        except EngineError as error:
            raise EngineError(
                f"{file.path} is not for {gpu}, {reason}, and cannot be built again: {error}"
            ) from None
    return found, (f"{file.path.name} is not for {gpu}, {reason}: running one built here",)
