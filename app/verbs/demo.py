"""`saccade demo`: the bundled engine on a synthetic scene, with the ground truth beside it."""

from __future__ import annotations

import argparse
import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import UserError, say
from app.output_file import check_suffix, check_writable
from app.verbs.gui import add_window_arguments
from export.providers.provider import PROVIDERS, TORCH

if TYPE_CHECKING:
    from app.agreement import Figures
    from export.backends.backend import Engine

DEFAULT_OUTPUT = Path("saccade-demo.mp4")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `saccade demo`."""
    parser.add_argument("--seed", type=_seed, default=0, help="another seed, another scene")
    parser.add_argument("--engine", metavar="E", help="engine file; default: Saccade's own")
    parser.add_argument("--provider", choices=(*PROVIDERS, *TORCH), default="auto")
    parser.add_argument(
        "--headless",
        action="store_true",
        help="no window: a summary and a film (as without display)",
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=10.0,
        metavar="S",
        help="length of the film (default 10)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="X.mp4",
        help=f"the film; implies --headless (default {DEFAULT_OUTPUT})",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing film")
    add_window_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Show the window, or without a display film the scene and sum up."""
    from app.ui.screen import has_display

    if args.headless or args.output is not None or not has_display():
        return _film(args)
    from app.ui.application import GuiOptions, run_gui
    from events.sources.open import open_source

    options = GuiOptions(
        text=f"synthetic:{args.seed}",
        engine=args.engine or "",
        provider=args.provider,
        size=args.size,
        screenshot=args.screenshot,
        after_s=args.after_s,
        is_remembered=False,  # what the demo runs is no choice of the user's
    )
    return run_gui(options, open_source)


def _film(args: argparse.Namespace) -> int:
    from app.engines import load_engine
    from app.interrupt import interrupt_flag

    output = args.output or DEFAULT_OUTPUT
    check_suffix(output, "the film", ".mp4")
    check_writable(output, overwrite=args.overwrite or args.output is None)
    engine = load_engine(args.engine, args.provider, say, is_live=False)
    if not engine.card.tasks:
        engine.close()
        raise UserError(
            f"{engine.card.name} has no heads: nothing to compare with the truth; see its tokens "
            f"with `saccade gui synthetic:{args.seed} --engine {args.engine}`"
        )
    for note in engine.notes:
        say(note)
    try:
        with interrupt_flag() as interrupted:
            figures = _compare_all(engine, args.seed, args.seconds, output, interrupted)
    finally:
        engine.close()
    print(_summary(figures, engine, args.seed))  # noqa: T201
    print(f"film: {output}")  # noqa: T201
    return 0


def _compare_all(
    engine: Engine, seed: int, seconds: float, output: Path, interrupted: threading.Event
) -> Figures:
    """Film the scene; KeyboardInterrupt where Ctrl-C cuts that short."""
    from app.agreement import Agreement
    from app.comparison import comparison_picture
    from app.interrupt import until
    from app.pipeline import Pipeline, PipelineConfig
    from app.truth_worker import compare
    from app.video import VideoWriter
    from events.sources.synthetic import SyntheticSource
    from events.windows import WindowConfig

    card = engine.card
    source = SyntheticSource(seed=seed, duration_us=round(seconds * 1e6), speed=math.inf)
    windows = WindowConfig(length_us=card.window_us, stride_us=card.stride_us)
    config = PipelineConfig(windows=windows, keeps_every_scene=True, is_strict=True)
    agreement = Agreement()
    with (
        Pipeline(source, engine, config) as pipeline,
        VideoWriter(output, card.stride_us, say) as film,
    ):
        for scene in until(interrupted, pipeline.scenes()):
            if scene.is_partial:
                continue
            compared = compare(scene, source, agreement)
            film.write(comparison_picture(compared, card.depth_range_m), scene.packet.start_us)
    return agreement.figures()


def _summary(figures: Figures, engine: Engine, seed: int) -> str:
    lines = [
        f"{engine.card.title} on {engine.provider}, synthetic scene {seed}, "
        f"{figures.num_windows} windows compared with the truth:"
    ]
    if figures.kind_accuracy is not None:
        lines.append(f"  kind of the dominant object right  {100 * figures.kind_accuracy:5.1f} %")
    if figures.mean_iou is not None:
        lines.append(f"  segmentation mIoU                  {100 * figures.mean_iou:5.1f} %")
    if figures.abs_rel is not None:
        lines.append(f"  depth AbsRel                       {figures.abs_rel:7.3f}")
    return "\n".join(lines)


def _seed(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"seed must be a whole number from 0 on, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.1 <= seconds <= 600:
        raise argparse.ArgumentTypeError(f"seconds must lie between 0.1 and 600, got {text!r}")
    return seconds
