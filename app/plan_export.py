"""The last step of `saccade export` to TensorRT: from an ONNX that has passed to a plan."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from app.cli import UserError
from events.sources.open import open_source
from export.backends import tensorrt
from export.backends.backend import Engine
from export.parity import Tolerance, compare_engines
from export.stretch import grids_of
from export.trt.container import read_engine
from export.trt.device import find_gpu


def export_plan(
    onnx: Path,
    output: Path,
    model: Engine,
    *,
    compute_capabilities: tuple[str, ...],
    recording: str,
    num_windows: int,
    tolerance: Tolerance,
    say: Callable[[str], None],
) -> None:
    """Write an ONNX engine as a TensorRT engine; run it where the GPU is that it is for.

    Args:
        onnx: Compared with the model already.
        output: The file to write, .trt; untouched until the plan has passed.
        model: What the plan must agree with.
        compute_capabilities: GPUs to build for, such as "8.6"; empty as in ``tensorrt.build``.
        recording: What plan and model are compared on.
        num_windows: Of it.
        tolerance: How far the plan may be from the model.
        say: Told each step.

    Raises:
        EngineError: TensorRT is missing, or does not take the network or the GPUs.
        UserError: the plan disagrees with the model.
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
            grids = grids_of(open_source(recording), engine.card, num_windows)
            report = compare_engines(model, engine, grids)
            engine.close()
            say(str(report))
            if failures := report.failures(tolerance):
                raise UserError(
                    f"{output} was not written, it disagrees with the model: {'; '.join(failures)}"
                )
        os.replace(unproven, output)
    finally:
        unproven.unlink(missing_ok=True)
