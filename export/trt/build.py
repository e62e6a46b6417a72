"""From an ONNX to a TensorRT plan, with progress on the way and a way out.

The network is strongly typed, so its precision is the ONNX's: one code for TensorRT 10, which has
flags for precisions too, 11, which has none, and TensorRT for RTX.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from export.backends.backend import EngineError
from export.trt.container import Profile
from export.trt.library import Library
from export.trt.messages import Messages, ProgressLines

WORKSPACE_BYTES = 1 << 30


class BuildCancelledError(EngineError):
    """The build was told to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a plan is built for."""

    compute_capabilities: tuple[str, ...]
    """GPUs such as "8.6"; of the classic library the one of this machine."""
    profile: Profile = field(default_factory=dict)
    """Least, usual and largest shape of each input that the ONNX leaves open."""
    workspace_bytes: int = WORKSPACE_BYTES
    """Most memory that one layer may use while it runs."""


def build_plan(
    library: Library,
    onnx: bytes,
    target: Target,
    *,
    progress: Callable[[str], None],
    cancelled: threading.Event | None = None,
) -> bytes:
    """Return a plan of an ONNX graph.

    TensorRT works in a thread of its own, so that a Ctrl-C meets Python and not its callbacks; it
    is heeded at TensorRT's next step, which takes seconds at most.

    Args:
        library: What builds it, and alone can run it.
        onnx: A model with its weights inside.
        target: What it is for.
        progress: Told what TensorRT does; called in the other thread.
        cancelled: Ends the build when it is set.

    Raises:
        BuildCancelledError: ``cancelled`` was set.
        EngineError: TensorRT does not take the graph or the target; the message says why.
    """
    stop = cancelled or threading.Event()
    monitor = ProgressLines(progress, stop)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="tensorrt") as pool:
        building = pool.submit(_build, library, onnx, target, monitor)
        try:
            return building.result()
        except BaseException:
            stop.set()
            raise


def _build(library: Library, onnx: bytes, target: Target, monitor: ProgressLines) -> bytes:
    api, messages = library.api, Messages()
    logger = messages.logger(api)
    try:
        builder = api.Builder(logger)
    except TypeError:  # the classic library's way to say that there is no GPU
        raise EngineError(f"{library} cannot start: {messages.last_error}") from None
    network = builder.create_network(_creation_flags(api))
    parser = api.OnnxParser(network, logger)
    if not parser.parse(onnx):
        raise EngineError(f"{library} cannot take this network: {_parse_error(parser, messages)}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(api.MemoryPoolType.WORKSPACE, target.workspace_bytes)
    _set_compute_capabilities(library, config, target.compute_capabilities)
    _set_profile(builder, config, network, target.profile)
    config.progress_monitor = monitor.for_library(api)
    plan = builder.build_serialized_network(network, config)
    if monitor.error is not None:
        raise monitor.error
    if monitor.stop.is_set():
        raise BuildCancelledError("the build was cancelled: nothing was written")
    if plan is None:
        raise EngineError(f"{library} cannot build this network: {messages.last_error}")
    return bytes(plan)


def _creation_flags(api: Any) -> int:
    strongly_typed = getattr(api.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if strongly_typed is None else 1 << int(strongly_typed)


def _set_compute_capabilities(library: Library, config: Any, wanted: tuple[str, ...]) -> None:
    if not library.compute_capabilities:
        return  # it builds for the GPU that it runs on
    config.num_compute_capabilities = len(wanted)
    for index, one in enumerate(wanted):
        name = f"SM{one.replace('.', '')}"
        config.set_compute_capability(library.api.ComputeCapability.__members__[name], index)


def _set_profile(builder: Any, config: Any, network: Any, profile: Profile) -> None:
    """Give the range of every input that has an open shape."""
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    is_open = {item.name: tuple(item.shape) for item in inputs if -1 in tuple(item.shape)}
    if missing := sorted(set(is_open) - set(profile)):
        raise EngineError(
            f"inputs {', '.join(missing)} have no fixed shape: give a profile of each, its least, "
            "usual and largest shape"
        )
    if not is_open:
        return
    shapes = builder.create_optimization_profile()
    for name in is_open:
        shapes.set_shape(name, *profile[name])
    if config.add_optimization_profile(shapes) < 0:
        raise EngineError(
            f"the profile {profile} does not fit inputs of {is_open}: least, usual and largest "
            "shape must rise, and agree where the shape is fixed"
        )


def _parse_error(parser: Any, messages: Messages) -> str:
    """Return which operators are not taken, and the parser's first reason."""
    errors = [parser.get_error(i) for i in range(parser.num_errors)]
    operators = sorted({error.node_operator() or messages.last_operator for error in errors} - {""})
    lines = [line for line in errors[0].desc().splitlines() if not line.startswith("Invalid Node")]
    reason = re.sub(r"^Assertion failed: .*(?<!:): ", "", lines[0]) if lines else "no reason given"
    if not operators:
        return reason
    named = f"operator {', '.join(operators)}"
    # "false" is all that the parser says of an operator that it does not know
    return f"{named} is unknown to it" if reason == "false" else f"{named}: {reason}"
