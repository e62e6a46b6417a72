"""The last steps of `saccade export`: an engine gets its name only once it has passed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from app.cli import UserError
from app.interrupt import interrupt_flag, until
from events.sources.open import open_source
from export.backends import onnxruntime
from export.backends.backend import Engine
from export.onnx_graph import write_model
from export.parity import ParityReport, Tolerance
from export.proof import prove
from export.variant import Built
from models.perception import Perception


def write_proven(
    args: argparse.Namespace, module: Perception, built: Built, say: Callable[[str], None]
) -> None:
    """Write the engine with its parity figures.

    Args:
        args: Of the verb.
        module: What the engine must agree with.
        built: The engine.
        say: Told each step.

    Raises:
        UserError: the engine disagrees with the model; nothing was written.
    """
    unproven = args.output.with_name(f".{args.output.stem}.unproven.onnx")
    try:
        write_model(built.model, built.card, unproven)
        say(f"comparing engine and model on {args.recording}")
        report = proven(args, module, onnxruntime.load(unproven, provider="cpu"), say)
        parity = report.describe(args.recording, Tolerance.of(built.card))
        write_model(built.model, replace(built.card, parity=parity), unproven)
        if args.output.suffix == ".trt":
            from app.plan_export import export_plan

            export_plan(
                unproven, args.output, partial(proven, args, module),
                compute_capabilities=tuple(args.compute_capability or ()), say=say,
            )  # fmt: skip
        else:
            os.replace(unproven, args.output)
    finally:
        unproven.unlink(missing_ok=True)


def proven(
    args: argparse.Namespace, module: Perception, engine: Engine, say: Callable[[str], None]
) -> ParityReport:
    """Return how an engine that agrees with its model compares with it."""
    source = open_source(args.recording, args.sensor)
    with interrupt_flag() as interrupted:  # an exception may get lost in a runtime's callback
        report = prove(module, engine, source, args.windows, each=partial(until, interrupted))
    say(str(report))
    failures = report.failures(Tolerance.of(engine.card))
    if failures:
        cure = ": lower --int8-budget" if args.int8 else ""
        raise UserError(
            f"{args.output} was not written, it disagrees with the model: "
            f"{'; '.join(failures)}{cure}"
        )
    return report
