"""`saccade export`: turn a model file into an engine, checked against the model."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import UserError
from app.interrupt import interrupt_flag
from app.output_file import check_suffix, check_writable
from app.sizes import add_sensor_argument, check_input_size, width_and_height

if TYPE_CHECKING:
    from export.parity import Grid

DEFAULT_NUM_WINDOWS = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's options."""
    parser.add_argument("model", type=Path, help="a model file (.safetensors)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="engine to write (.onnx)")
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument("--fp16", action="store_true", help="half precision inside, for GPUs")
    precision.add_argument("--int8", action="store_true", help="int8 matrix products, for CPUs")
    parser.add_argument(
        "--recording", metavar="INPUT", default="synthetic:0",
        help="what to compare engine and model on (default: %(default)s)",
    )  # fmt: skip
    add_sensor_argument(parser)
    parser.add_argument(
        "--windows", type=int, default=DEFAULT_NUM_WINDOWS, metavar="N",
        help="windows to compare on (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--input-size", metavar="WxH", type=width_and_height,
        help="of the engine's input; default: what the model was trained on",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace an existing engine")


def run(args: argparse.Namespace) -> int:
    """Write the engine if it agrees with its model; 1 if not."""
    _check(args)
    from events.sources.open import open_source
    from export.backends import onnxruntime
    from export.backends.eager import EagerEngine
    from export.onnx_graph import write_onnx
    from export.parity import Tolerance, compare_engines
    from export.stretch import grids_of
    from models.model_file import load_model

    source = open_source(
        args.recording, args.sensor
    )  # its libraries load now: Ctrl-C there ends at once
    # The engine gets its name only once it has passed.
    unproven = args.output.with_name(f".{args.output.stem}.unproven.onnx")
    try:
        _say(f"reading {args.model}")  # once: a training may replace it meanwhile
        module, card = load_model(args.model)
        if args.input_size:
            width, height = args.input_size
            card = replace(card, input_width=width, input_height=height)
            check_input_size(card, module.encoder.strides[-1])
        tolerance = Tolerance.half() if args.fp16 else Tolerance()
        _say(f"exporting {card.name}{' in half precision' if args.fp16 else ''}")
        card = replace(card, precision="fp16" if args.fp16 else "fp32")
        write_onnx(module, card, unproven)
        if args.int8:
            from export.quantize import to_int8

            tolerance = Tolerance.quantized()
            _say("quantising MatMul and Gemm to int8")
            to_int8(unproven, unproven)
        _say(f"comparing engine and model on {args.recording}")
        grids = grids_of(source, card, args.windows)
        engine = onnxruntime.load(unproven, provider="cpu")
        with interrupt_flag() as interrupted:  # an exception may get lost in a runtime's callback
            report = compare_engines(EagerEngine(module, card), engine, _until(interrupted, grids))
        _say(str(report))
        failures = report.failures(tolerance)
        if failures:
            raise UserError(
                f"{args.output} was not written, it disagrees with the model: {'; '.join(failures)}"
            )
        os.replace(unproven, args.output)
    finally:
        unproven.unlink(missing_ok=True)
    _say(f"wrote {args.output} ({args.output.stat().st_size / 1e6:.1f} MB)")
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot work before anything slow happens."""
    check_suffix(args.output, "the engine", ".onnx")
    check_writable(args.output, overwrite=args.overwrite)
    if args.windows < 1:
        raise UserError(f"--windows must be at least 1, got {args.windows}")


def _until(interrupted: threading.Event, grids: Iterable[Grid]) -> Iterator[Grid]:
    """Yield the grids; raise KeyboardInterrupt at the next one after a Ctrl-C."""
    for grid in grids:
        if interrupted.is_set():
            raise KeyboardInterrupt
        yield grid


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201
