"""The last step of `saccade export` to TensorRT: from an ONNX that has passed to a plan."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from export.backends import tensorrt
from export.backends.backend import Engine
from export.trt.container import read_engine
from export.trt.device import find_gpu

Say = Callable[[str], None]


def export_plan(
    onnx: Path,
    output: Path,
    prove: Callable[[Engine, Say], object],
    *,
    compute_capabilities: tuple[str, ...],
    say: Say,
) -> None:
    """Write an ONNX engine as a TensorRT engine; run it where the GPU is that it is for.

    Args:
        onnx: Compared with the model already.
        output: The file to write, .trt; untouched until the plan has passed.
        prove: Raises if an engine disagrees with the model.
        compute_capabilities: GPUs to build for, such as "8.6"; empty as in ``tensorrt.build``.
        say: Told each step.

    Raises:
        EngineError: TensorRT is missing, or does not take the network or the GPUs.
    """
    unproven = output.with_name(f".{output.stem}.unproven.trt")
    try:
        tensorrt.build_from_onnx(
            onnx, unproven, compute_capabilities=compute_capabilities, progress=say
        )
        gpu, built_for = find_gpu(), read_engine(unproven).key.compute_capabilities
        if gpu is None:
            say("the plan itself was not run: no GPU here")
        elif gpu.compute_capability not in built_for:
            say(f"the plan itself was not run: it is for {', '.join(built_for)}, here is {gpu}")
        else:
            engine = tensorrt.load(unproven, provider="tensorrt")
            try:
                prove(engine, say)
            finally:
                engine.close()
        os.replace(unproven, output)
    finally:
        unproven.unlink(missing_ok=True)
