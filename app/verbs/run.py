"""`saccade run`: a network's predictions on a stream as JSON lines, video or arrays."""

from __future__ import annotations

import argparse
import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.capture_option import add_capture_option
from app.cli import EXIT_INTERRUPTED, UserError, check_at_least_1, say
from app.cut_options import add_cut_options, check_windows, filters_of, note_of, windows_of
from app.output_file import check_suffix
from app.sizes import add_sensor_argument, width_and_height
from events.sources.open import FORMS, open_source
from export.providers.provider import PROVIDERS, TORCH

if TYPE_CHECKING:
    from app.pipeline import Pipeline
    from app.predictions import LineWriter
    from app.scene import Scene
    from app.trace import Trace
    from events.sources.source import Source
    from export.backends.backend import Engine
    from models.card import ModelCard

    Writer = Callable[[Scene], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's options."""
    parser.add_argument("input", metavar="INPUT", help=FORMS)
    add_sensor_argument(parser)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT.jsonl",
        help="one JSON object a window; - is stdout",
    )
    parser.add_argument("--video", type=Path, metavar="OUT.mp4", help="events, classes, depth")
    parser.add_argument(
        "--arrays",
        type=Path,
        metavar="DIR",
        help="scores, class ids and depths, or tokens, of each window, as .npz",
    )
    parser.add_argument("--engine", metavar="E", help="default: the one that ships with Saccade")
    parser.add_argument(
        "--provider", choices=(*PROVIDERS, *TORCH), default="auto",
        help="what runs the engine; auto: the fastest here, measured once, or with --input-size "
        "CUDA where it can run, else the CPU (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--input-size", metavar="WxH", type=width_and_height,
        help="of the network's input, for an engine that takes any; default: the engine's",
    )  # fmt: skip
    add_cut_options(parser)
    parser.add_argument("--max-windows", type=int, metavar="N", help="end after so many")
    parser.add_argument(
        "--speed", type=_speed, default=math.inf, metavar="S",
        help="of a recording, 1 is its own; default: as fast as the engine",
    )  # fmt: skip
    parser.add_argument(
        "--trace", type=Path, metavar="OUT.json",
        help="what each thread did when, for ui.perfetto.dev",
    )  # fmt: skip
    add_capture_option(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace what exists")


def run(args: argparse.Namespace) -> int:
    """Infer every window of the input; 130 if it was interrupted."""
    _check(args)
    filters = tuple(config.build() for config in filters_of(args))
    from app.engines import load_engine
    from app.interrupt import interrupt_flag
    from app.pipeline import Pipeline, PipelineConfig
    from app.scene import PipelineState
    from app.trace import tracing

    source = open_source(args.input, args.sensor, in_child=args.capture_process)
    engine = load_engine(
        args.engine, args.provider, say, input_size=args.input_size, is_live=source.is_live
    )
    noted = engine.notes
    windows = windows_of(args, engine.card)
    for note in filter(None, (*noted, note_of(windows, engine.card))):
        say(note)
    config = PipelineConfig(
        windows=windows, filters=filters, keeps_every_scene=True, is_strict=True
    )
    if hasattr(source, "set_speed"):
        source.set_speed(args.speed)
    started_s = time.monotonic()
    with (
        _writers(args, engine.card, windows.stride_us) as (lines, writers),
        interrupt_flag() as interrupted,
        tracing(args.trace) as trace,
        Pipeline(source, engine, config, trace=trace) as pipeline,
    ):
        try:
            _write_scenes(pipeline, writers, interrupted, args.max_windows, trace)
        finally:
            for note in _notes(engine, pipeline.engine):
                if note not in noted:
                    say(note)
            if pipeline.stats().num_windows or pipeline.state is not PipelineState.FAILED:
                duration_s, is_filtered = time.monotonic() - started_s, bool(filters)
                say(_summary(pipeline, lines.num_lines, duration_s, is_filtered=is_filtered))
        if interrupted.is_set() and not _is_endless(source):
            raise KeyboardInterrupt  # so that no output passes for the whole stream's
    return EXIT_INTERRUPTED if interrupted.is_set() else 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot work before anything slow happens."""
    check_windows(args)
    check_at_least_1(args, "max_windows")
    if args.video:
        check_suffix(args.video, "the video", ".mp4")
    if args.trace:
        check_suffix(args.trace, "the trace", ".json")
    outputs = [Path(args.output)] if args.output != "-" else []
    outputs += [path for path in (args.video, args.arrays, args.trace) if path]
    given = Path(args.input)
    if len({path.resolve() for path in outputs}) < len(outputs):
        names = ", ".join(str(path) for path in outputs)
        raise UserError(f"two outputs have one name ({names}): give each its own")
    for path in outputs:
        for kind, source in (("input", given), ("engine", Path(args.engine or ""))):
            if source.is_file() and path.exists() and path.samefile(source):
                raise UserError(f"{path} is the {kind}: choose another name for the output")
        if not path.parent.is_dir():
            raise UserError(f"no folder {path.parent}: make it first")
        is_taken = any(path.iterdir()) if path.is_dir() else path.exists()
        if path.is_dir() and path != args.arrays:
            raise UserError(f"{path} is a folder: give a file's name")
        if is_taken and not args.overwrite:
            raise UserError(f"{path} exists: choose another name or give --overwrite")


@contextlib.contextmanager
def _writers(
    args: argparse.Namespace, card: ModelCard, stride_us: int | None
) -> Iterator[tuple[LineWriter, list[Writer]]]:
    """Yield the writer of lines, and one function for each output that takes a scene."""
    from app.predictions import ArrayWriter, LineWriter

    with contextlib.ExitStack() as stack:
        path = None if args.output == "-" else Path(args.output)
        lines = stack.enter_context(LineWriter(path))
        writers: list[Writer] = [lines.write]
        if args.arrays:
            writers.append(ArrayWriter(args.arrays).write)
        if args.video:
            from app.token_view import TokenView
            from app.video import TICK_US, VideoWriter, picture

            view, frame_us = TokenView(), stride_us or card.stride_us
            tick_us = frame_us if stride_us else TICK_US
            video = stack.enter_context(VideoWriter(args.video, frame_us, say, tick_us))
            writers.append(
                lambda scene: video.write(
                    picture(scene, card.depth_range_m, view), scene.packet.start_us
                )
            )
        yield lines, writers


def _write_scenes(
    pipeline: Pipeline,
    writers: list[Writer],
    interrupted: threading.Event,
    max_windows: int | None,
    trace: Trace,
) -> None:
    from app.scene import PipelineState

    for number, scene in enumerate(pipeline.scenes(until=interrupted), start=1):
        with trace.span("render", scene.index):
            for write in writers:
                write(scene)
        if pipeline.state is not PipelineState.FAILED:  # else it is said at the end
            while (message := pipeline.take_message()) is not None:
                say(message)
        if number == max_windows:
            return


def _is_endless(source: Source) -> bool:
    """Return whether Ctrl-C is how a stream ends, instead of what cuts it short."""
    return source.is_live or bool(getattr(source, "is_looping", False))


def _notes(*engines: Engine | None) -> dict[str, None]:
    """Return the notes of an engine, and of what went on in its place, each once."""
    return dict.fromkeys(note for engine in engines if engine for note in engine.notes)


def _summary(pipeline: Pipeline, num_windows: int, duration_s: float, *, is_filtered: bool) -> str:
    """Return one line of what was done and at what cost."""
    stats = pipeline.stats()
    total = stats.latency["total"]
    parts = [
        f"{num_windows} windows in {duration_s:.1f} s "
        f"({num_windows / max(duration_s, 1e-9):.1f}/s)",
        f"{stats.num_events / 1e6:.2f} Mev",
        f"latency p50 {total.p50_ms:.1f} ms, p95 {total.p95_ms:.1f} ms",
        f"{stats.engine_name} on {stats.provider}",
        f"{stats.num_dropped_windows} windows dropped",
        f"{stats.num_lost_events} events lost",
    ]
    if is_filtered:
        parts.insert(2, f"{stats.num_filtered:,} events filtered")
    if stats.num_fallbacks:
        parts.append(f"GPU lost, gone on with the CPU: {stats.num_fallbacks}")
    if stats.backlog_events:
        parts.append(f"{stats.backlog_events} events unread")
    return "; ".join([*parts, *([stats.message] if stats.message else [])])


def _speed(text: str) -> float:
    try:
        speed = math.inf if text == "max" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not speed > 0:
        raise argparse.ArgumentTypeError(f"speed must be positive, got {text}")
    return speed
