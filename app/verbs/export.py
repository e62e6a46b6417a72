"""`saccade export`: turn a model file into an engine, checked against the model."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import UserError, check_at_least_1, option_of, say
from app.output_file import check_suffix, check_writable
from app.sizes import add_sensor_argument, check_input_size, width_and_height
from export.providers.provider import PROVIDERS, TORCH

if TYPE_CHECKING:
    from events.sources.source import Source
    from export.calibration import Calibration
    from export.sensitivity import Sensitivity
    from export.variant import Variant
    from models.card import ModelCard

DEFAULT_RECORDING = "synthetic:0"
OF_A_NEW_ENGINE = {
    name: option_of(name)
    for name in (
        "fp16", "int8", "calibration", "int8_budget", "report", "dynamic", "streaming",
        "max_gap_ms", "events", "decoded", "compute_capability", "opset", "overwrite", "compact",
    )
} | {"output": "-o", "target": "--for"}  # fmt: skip
OF_A_CHECK = {"compare_with": "--model", "provider": "--provider"}
"""Options by their attribute."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's options."""
    parser.add_argument(
        "model", type=Path, help="a model file (.safetensors); with --check, an engine"
    )
    parser.add_argument("-o", "--output", type=Path, help="engine to write (.onnx or .trt)")
    parser.add_argument(
        "--input-size", metavar="WxH", type=width_and_height,
        help="of the engine's input; default: what the model was trained on",
    )  # fmt: skip
    parser.add_argument("--opset", type=int, choices=(18, 19, 20), help="default: 20")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing engine")
    _add_precision(parser)
    _add_forms(parser)
    _add_comparison(parser)


def _add_precision(parser: argparse.ArgumentParser) -> None:
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument("--fp16", action="store_true", help="half precision inside, for GPUs")
    precision.add_argument("--int8", action="store_true", help="int8 where it does little harm")
    precision.add_argument(
        "--compact", action="store_true",
        help="fp32, with weights kept in half precision where that loses nothing: half the file "
        "where the model was kept so",
    )  # fmt: skip
    parser.add_argument(
        "--for", dest="target", choices=("cpu", "tensorrt"),
        help="what is to run an int8 engine; default: cpu, or tensorrt for a .trt",
    )  # fmt: skip
    parser.add_argument(
        "--calibration", nargs="+", metavar="INPUT",
        help="what int8 is calibrated on; default: synthetic scenes, and the recording if given",
    )  # fmt: skip
    parser.add_argument(
        "--int8-budget", type=float, metavar="E",
        help="largest error that int8 in one layer may bring, in an output's own spread",
    )  # fmt: skip
    parser.add_argument(
        "--report", type=Path, metavar="FILE.json", help="write what int8 does to each layer"
    )


def _add_forms(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dynamic", action="store_true", help="leave batch, height and width of the input open"
    )
    parser.add_argument(
        "--streaming", action="store_true",
        help="let the engine remember earlier windows; needs a model with a temporal part",
    )  # fmt: skip
    parser.add_argument(
        "--max-gap-ms", type=int, metavar="MS",
        help="of a streaming engine: longest time without a window that is not forgotten",
    )  # fmt: skip
    parser.add_argument(
        "--events", metavar="WxH", type=width_and_height,
        help="take raw events of a sensor of this size; the grid is made inside, on a GPU",
    )  # fmt: skip
    parser.add_argument(
        "--decoded", action="store_true",
        help="with --events: give labels and depth at the sensor's pixels",
    )  # fmt: skip
    parser.add_argument(
        "--compute-capability", nargs="+", metavar="X.Y",
        help="GPUs that a .trt is for, such as 8.6 8.9; default: this one's, or all RTX GPUs",
    )  # fmt: skip


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recording", metavar="INPUT", default=DEFAULT_RECORDING,
        help="what to compare engine and model on (default: %(default)s)",
    )  # fmt: skip
    add_sensor_argument(parser)
    parser.add_argument(
        "--windows", type=int, metavar="N",
        help="windows to compare on; default: 32, of a streaming engine 200",
    )  # fmt: skip
    check = parser.add_argument_group("an engine that is there already")
    check.add_argument("--check", action="store_true", help="compare it again, write nothing")
    check.add_argument(
        "--model", dest="compare_with", type=Path, metavar="M", help="its model file"
    )
    check.add_argument(
        "--provider", choices=(*PROVIDERS, *TORCH), help="what runs it (default: cpu)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the engine if it agrees with its model; 1 if not."""
    _check(args)
    if args.check:
        from app.engine_check import check

        return check(args)
    from app.engine_export import write_proven
    from events.sources.open import open_source
    from export.variant import build_variant
    from models.model_file import load_model

    open_source(args.recording, args.sensor)  # its libraries load now: Ctrl-C there ends at once
    variant = _variant(args)
    say(f"reading {args.model}")  # once: a training may replace it meanwhile
    module, card = load_model(args.model)
    if args.input_size:
        width, height = args.input_size
        card = replace(card, input_width=width, input_height=height)
        check_input_size(card, module.encoder.strides[-1])
    if args.events:
        card = replace(card, input="events", sensor=args.events, is_decoded=args.decoded)
    card = _streaming(card, args)
    calibration = _calibration(args, card) if args.int8 else None
    say(f"exporting {card.name} in {variant.precision}, opset {variant.opset}")
    built = build_variant(module, card, variant, calibration, progress=_say_layer)
    if args.compact:
        say(f"{built.report['kept_as_fp16']:.1%} of the weights lose nothing in half precision")
    for part, reason in built.report.get("kept_in_fp32", {}).items():
        say(f"in fp32: {part}: {reason}")
    write_proven(args, module, built, say)
    if args.report:
        args.report.write_text(json.dumps(built.report, indent=1) + "\n")
    say(f"wrote {args.output} ({args.output.stat().st_size / 1e6:.1f} MB)")
    return 0


def _variant(args: argparse.Namespace) -> Variant:
    from export.onnx_graph import OPSET
    from export.variant import Variant

    return Variant(
        precision="int8" if args.int8 else "fp16" if args.fp16 else "fp32",
        target=args.target or ("tensorrt" if args.output.suffix == ".trt" else "cpu"),
        opset=args.opset or OPSET,
        is_dynamic=args.dynamic,
        is_compact=args.compact,
        budget=args.int8_budget,
    )


def _streaming(card: ModelCard, args: argparse.Namespace) -> ModelCard:
    """Return the card of an engine that remembers, if it is to."""
    if args.streaming and not card.temporal:
        raise UserError(
            f"{args.model} has no part that remembers: leave --streaming out, or train a model "
            "that has one, such as `saccade train default_streaming`"
        )
    card = replace(card, is_streaming=card.is_streaming or args.streaming)
    if args.max_gap_ms is None:
        return card
    if not card.is_streaming:
        raise UserError("--max-gap-ms goes with --streaming: this engine remembers nothing")
    return replace(card, max_gap_us=1_000 * args.max_gap_ms)


def _calibration(args: argparse.Namespace, card: ModelCard) -> Calibration:
    """Return the windows that int8 is calibrated on: those asked for, or the stated mix."""
    from events.sources.open import open_source
    from export.calibration import DEFAULT_INPUTS, read_calibration

    own = [] if args.recording == DEFAULT_RECORDING else [args.recording]
    inputs = args.calibration or [*DEFAULT_INPUTS, *own]
    say(f"calibrating int8 on {', '.join(inputs)}")

    def opened(name: str) -> Source:
        return open_source(name, args.sensor if Path(name).is_file() else None)

    return read_calibration(inputs, card, opened)


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot work before anything slow happens."""
    check_at_least_1(args, "windows", "max_gap_ms")
    if args.check:
        _refuse(args, OF_A_NEW_ENGINE, "is of an engine to write, and --check writes none")
        return
    _refuse(args, OF_A_CHECK, "is of an engine to --check")
    if args.output is None:
        raise UserError("give the engine to write with -o FILE.onnx, or --check one")
    check_suffix(args.output, "the engine", ".onnx", ".trt")
    check_writable(args.output, overwrite=args.overwrite)
    _check_int8(args)
    if args.decoded and not args.events:
        raise UserError("--decoded needs the sensor: give --events WxH too")
    if args.output.suffix == ".trt":
        from export.trt.device import find_gpu
        from export.trt.target import choose_target

        wanted = tuple(args.compute_capability or ())
        choose_target(_variant(args).precision, find_gpu(), wanted)
    elif args.compute_capability:
        raise UserError(f"--compute-capability goes with *.trt, got {args.output}")


def _refuse(args: argparse.Namespace, options: dict[str, str], why: str) -> None:
    """Refuse the first option that was given of those that do nothing here."""
    for name, option in options.items():
        value = getattr(args, name)
        if value is not None and value is not False:
            raise UserError(f"{option} {why}: leave it out")


def _check_int8(args: argparse.Namespace) -> None:
    for name in ("calibration", "int8_budget", "report"):
        if getattr(args, name) is not None and not args.int8:
            raise UserError(f"{option_of(name)} is of int8 engines: add --int8")
    if args.target is not None and not args.int8:
        raise UserError(f"--for {args.target} is of int8 engines: add --int8")
    if args.target == "cpu" and args.output.suffix == ".trt":
        raise UserError(f"--for cpu is of .onnx engines: leave it out, got {args.output}")
    if args.report:
        check_suffix(args.report, "the report", ".json")
        check_writable(args.report, overwrite=args.overwrite)


def _say_layer(row: Sensitivity) -> None:
    kept = f"  kept in floating point: {row.kept_because}" if row.kept_because else ""
    say(f"  {row.layer.operator:<7}{row.layer.name:<36}{row.error:8.4f}{kept}")
