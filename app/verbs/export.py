"""`saccade export`: turn a model file into an engine, checked against the model."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import UserError
from app.interrupt import interrupt_flag, until
from app.output_file import check_suffix, check_writable
from app.sizes import check_input_size, width_and_height

if TYPE_CHECKING:
    from export.calibration import Calibration
    from export.sensitivity import Sensitivity
    from export.variant import Built, Variant
    from models.card import ModelCard
    from models.perception import Perception

DEFAULT_NUM_WINDOWS = 32
DEFAULT_RECORDING = "synthetic:0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's options."""
    parser.add_argument(
        "model", type=Path, help="a model file (.safetensors); with --check, an engine"
    )
    parser.add_argument("-o", "--output", type=Path, help="engine to write (.onnx)")
    _add_forms(parser)
    parser.add_argument(
        "--input-size", metavar="WxH", type=width_and_height,
        help="of the engine's input; default: what the model was trained on",
    )  # fmt: skip
    parser.add_argument(
        "--recording", metavar="INPUT", default=DEFAULT_RECORDING,
        help="what to compare engine and model on (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--windows", type=int, default=DEFAULT_NUM_WINDOWS, metavar="N",
        help="windows to compare on (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace an existing engine")
    check = parser.add_argument_group("an engine that is there already")
    check.add_argument("--check", action="store_true", help="compare it again, write nothing")
    check.add_argument(
        "--model", dest="compare_with", type=Path, metavar="M", help="its model file"
    )
    check.add_argument(
        "--provider", choices=("auto", "cpu", "cuda", "tensorrt"), default="cpu",
        help="what runs it (default: %(default)s)",
    )  # fmt: skip


def _add_forms(parser: argparse.ArgumentParser) -> None:
    """Add what decides the engine's graph."""
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument("--fp16", action="store_true", help="half precision inside, for GPUs")
    precision.add_argument("--int8", action="store_true", help="int8 where it does little harm")
    parser.add_argument(
        "--for", dest="target", choices=("cpu", "tensorrt"), default="cpu",
        help="what is to run an int8 engine (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--calibration", nargs="+", metavar="INPUT",
        help="what int8 is calibrated on; default: synthetic scenes, and the recording if given",
    )  # fmt: skip
    parser.add_argument(
        "--int8-budget", type=float, metavar="E",
        help="largest error that int8 in one layer may bring, in an output's own spread",
    )  # fmt: skip
    parser.add_argument("--opset", type=int, choices=(18, 19, 20), default=20)
    parser.add_argument(
        "--dynamic", action="store_true", help="leave batch, height and width of the input open"
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE.json", help="write what int8 does to each layer"
    )


def run(args: argparse.Namespace) -> int:
    """Write the engine if it agrees with its model; 1 if not."""
    _check(args)
    if args.check:
        from app.engine_check import check

        return check(args)
    from events.sources.open import open_source
    from export.variant import build_variant
    from models.model_file import load_model

    open_source(args.recording)  # its libraries load now: Ctrl-C there ends at once
    variant = _variant(args)
    _say(f"reading {args.model}")  # once: a training may replace it meanwhile
    module, card = load_model(args.model)
    if args.input_size:
        width, height = args.input_size
        card = replace(card, input_width=width, input_height=height)
        check_input_size(card, module.encoder.strides[-1])
    calibration = _calibration(args, card) if args.int8 else None
    _say(f"exporting {card.name} in {variant.precision}, opset {variant.opset}")
    built = build_variant(module, card, variant, calibration, progress=_say_layer)
    for part, reason in built.report.get("kept_in_fp32", {}).items():
        _say(f"in fp32: {part}: {reason}")
    _prove(args, module, card, built)
    if args.report:
        args.report.write_text(json.dumps(built.report, indent=1) + "\n")
    _say(f"wrote {args.output} ({args.output.stat().st_size / 1e6:.1f} MB)")
    return 0


def _prove(args: argparse.Namespace, module: Perception, card: ModelCard, built: Built) -> None:
    """Write the engine with its parity figures; it gets its name only once it has passed."""
    from events.sources.open import open_source
    from export.backends import onnxruntime
    from export.backends.eager import EagerEngine
    from export.onnx_graph import write_model
    from export.parity import Tolerance, compare_engines
    from export.stretch import grids_of

    unproven = args.output.with_name(f".{args.output.stem}.unproven.onnx")
    try:
        write_model(built.model, built.card, unproven)
        _say(f"comparing engine and model on {args.recording}")
        engine = onnxruntime.load(unproven, provider="cpu")
        grids = grids_of(open_source(args.recording), card, args.windows)
        with interrupt_flag() as interrupted:  # an exception may get lost in a runtime's callback
            report = compare_engines(EagerEngine(module, card), engine, until(interrupted, grids))
        _say(str(report))
        tolerance = Tolerance.of(built.card.precision)
        failures = report.failures(tolerance)
        if failures:
            cure = ": lower --int8-budget" if args.int8 else ""
            raise UserError(
                f"{args.output} was not written, it disagrees with the model: "
                f"{'; '.join(failures)}{cure}"
            )
        parity = report.describe(args.recording, tolerance)
        write_model(built.model, replace(built.card, parity=parity), unproven)
        os.replace(unproven, args.output)
    finally:
        unproven.unlink(missing_ok=True)


def _variant(args: argparse.Namespace) -> Variant:
    from export.variant import Variant

    return Variant(
        precision="int8" if args.int8 else "fp16" if args.fp16 else "fp32",
        target=args.target,
        opset=args.opset,
        is_dynamic=args.dynamic,
        budget=args.int8_budget,
    )


def _calibration(args: argparse.Namespace, card: ModelCard) -> Calibration:
    """Return the windows that int8 is calibrated on: those asked for, or the stated mix."""
    from events.sources.open import open_source
    from export.calibration import DEFAULT_INPUTS, read_calibration

    own = [] if args.recording == DEFAULT_RECORDING else [args.recording]
    inputs = args.calibration or [*DEFAULT_INPUTS, *own]
    _say(f"calibrating int8 on {', '.join(inputs)}")
    return read_calibration(inputs, card, open_source)


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot work before anything slow happens."""
    if args.windows < 1:
        raise UserError(f"--windows must be at least 1, got {args.windows}")
    if args.check:
        return
    if args.compare_with is not None:
        raise UserError("--model names the model of an engine to --check: leave it out")
    if args.output is None:
        raise UserError("give the engine to write with -o FILE.onnx, or --check one")
    for name in ("calibration", "int8_budget", "report"):
        if getattr(args, name) is not None and not args.int8:
            raise UserError(f"--{name.replace('_', '-')} is of int8 engines: add --int8")
    if args.target != "cpu" and not args.int8:
        raise UserError(f"--for {args.target} is of int8 engines: add --int8")
    check_suffix(args.output, "the engine", ".onnx")
    check_writable(args.output, overwrite=args.overwrite)
    if args.report:
        check_suffix(args.report, "the report", ".json")
        check_writable(args.report, overwrite=args.overwrite)


def _say_layer(row: Sensitivity) -> None:
    kept = f"  kept in floating point: {row.kept_because}" if row.kept_because else ""
    _say(f"  {row.layer.operator:<7}{row.layer.name:<36}{row.error:8.4f}{kept}")


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201
