"""`saccade gui`: the window."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

from app.capture_option import add_capture_option
from app.cli import UserError
from app.sizes import add_sensor_argument, width_and_height
from events.packet import SensorSize
from events.sources.open import FORMS, open_source
from events.sources.source import Source
from export.providers.provider import PROVIDERS

MAX_WAIT_S = 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `saccade gui`."""
    parser.add_argument(
        "input",
        nargs="?",
        metavar="INPUT",
        help=FORMS,
    )
    add_sensor_argument(parser)
    parser.add_argument("--engine", metavar="E", help="engine file; default: Saccade's own")
    parser.add_argument("--provider", choices=PROVIDERS)
    parser.add_argument("--light", action="store_true", help="light theme")
    add_capture_option(parser)
    add_window_arguments(parser)


def add_window_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every verb with a window takes."""
    parser.add_argument(
        "--size", metavar="WxH", type=window_size, help="size of the window in pixels"
    )
    parser.add_argument(
        "--screenshot", metavar="X.png", type=png_path, help="save a picture of the window and exit"
    )
    parser.add_argument(
        "--after-s", metavar="S", type=wait_s, default=3.0, help="when to take it (default 3)"
    )


def png_path(text: str) -> Path:
    """Read the name of a picture: Qt would empty a file of another kind before it refuses it."""
    path = Path(text)
    if path.suffix != ".png":
        raise argparse.ArgumentTypeError(f"the screenshot must be named *.png, got {text}")
    return path


def wait_s(text: str) -> float:
    """Read how long to wait for a picture."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_WAIT_S:
        raise argparse.ArgumentTypeError(
            f"seconds must lie between 0 and {MAX_WAIT_S:g}, got {text}"
        )
    return seconds


def window_size(text: str) -> tuple[int, int]:
    """Read the window's width and height."""
    width, height = width_and_height(text)
    if width < 960 or height < 600:
        raise argparse.ArgumentTypeError(f"{text} is too small: at least 960x600")
    return width, height


def run(args: argparse.Namespace) -> int:
    """Show the window until it is closed."""
    if args.sensor is not None and not args.input:
        raise UserError("--sensor is of the recording that is named before it: name one")
    from app.ui.application import GuiOptions, run_gui

    options = GuiOptions(
        text=args.input,
        engine=args.engine,
        provider=args.provider,
        theme="light" if args.light else None,
        size=args.size,
        screenshot=args.screenshot,
        after_s=args.after_s,
    )
    return run_gui(options, opener(args.input, args.sensor, in_child=args.capture_process))


def opener(
    named: str | None, sensor: SensorSize | None, *, in_child: bool
) -> Callable[[str], Source]:
    """Return what opens the window's inputs.

    Args:
        named: The input that the command line names.
        sensor: Of that one, however often it is opened; not of others.
        in_child: Whether cameras are read in a child process.
    """

    def open_(text: str) -> Source:
        is_named = named is not None and Path(text).resolve() == Path(named).resolve()
        return open_source(text, sensor if is_named else None, in_child=in_child)

    return open_
