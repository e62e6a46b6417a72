"""What a plan is for: which library builds it, for which GPUs, and for which sizes of input."""

from __future__ import annotations

import hashlib

from export.backends.backend import EngineError
from export.event_input import COLUMNS
from export.onnx_shapes import GRID, input_shape
from export.trt.container import PlanKey, Profile
from export.trt.device import Gpu
from export.trt.library import EDITIONS, Library, load_library, pick_library
from models.card import ModelCard

NUM_EVENTS = (1, 50_000, 1_000_000)
"""Least, usual and largest number of a window's events."""
TURING = "7.5"
"""Its GPUs multiply no float32 matrices."""


def profile_of(card: ModelCard) -> Profile:
    """Return the shapes of inputs that a graph may leave open."""
    if card.input == "events":
        least, usual, largest = ((number,) for number in NUM_EVENTS)
        return {name: (least, usual, largest) for name in COLUMNS}
    shape = input_shape(card)  # one window at a time
    return {GRID: (shape, shape, shape)} if card.is_dynamic else {}


def plan_key(
    onnx: bytes, card: ModelCard, library: Library, compute_capabilities: tuple[str, ...]
) -> PlanKey:
    """Return what the plan of an ONNX depends on."""
    return PlanKey(
        onnx_sha256=hashlib.sha256(onnx).hexdigest(),
        library=library.name,
        version=library.version,
        compute_capabilities=compute_capabilities,
        profile=profile_of(card),
        precision=card.precision,
    )


def choose_target(
    precision: str, gpu: Gpu | None, wanted: tuple[str, ...]
) -> tuple[Library, tuple[str, ...]]:
    """Return the library to build with, and the GPUs to build for.

    Args:
        precision: The card's; int8 for TensorRT is fp16 where it is not int8.
        gpu: Of this machine.
        wanted: Compute capabilities such as "8.6"; empty is this machine's GPU, or without one
            all that TensorRT for RTX serves.

    Raises:
        EngineError: no library here builds for them; the message says why, and what to install.
    """
    own = gpu.compute_capability if gpu else None
    library = pick_library(wanted[0] if wanted else own)
    offered = library.compute_capabilities
    if not offered:
        if own is None or wanted not in ((), (own,)):
            raise EngineError(
                f"{library} builds for the GPU of this machine only ({gpu or 'there is none'}), "
                f"got compute capability {', '.join(wanted) or 'of none'}: build on that GPU"
            )
        return library, (own,)
    if unknown := [one for one in wanted if one not in offered]:
        raise EngineError(
            f"{library} builds for compute capability {', '.join(offered)}, "
            f"got {', '.join(unknown)}: choose among these"
        )
    if own is None and not wanted:
        return library, tuple(one for one in offered if precision != "fp32" or one != TURING)
    targets = wanted or ((own,) if own else ())
    if TURING in targets and precision == "fp32":
        raise EngineError(
            f"GPUs of compute capability {TURING} multiply no float32 matrices with {library}: "
            "export with --fp16 or --int8"
        )
    return library, targets


def running_library(key: PlanKey, gpu: Gpu) -> Library:
    """Return the library to run on ``gpu``: the plan's own if it is here.

    Raises:
        EngineError: none that is here serves the GPU.
    """
    for edition in EDITIONS:
        if edition.name == key.library and gpu.compute_capability in key.compute_capabilities:
            return load_library(edition)
    return pick_library(gpu.compute_capability)
