"""`saccade record`: save a stream as .aedat4."""

from __future__ import annotations

import argparse
import math
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from app.capture_option import add_capture_option
from app.cli import EXIT_INTERRUPTED, warn
from app.interrupt import interrupt_flag
from app.output_file import check_suffix, check_writable
from app.recorder import FileRecorder, default_path, refuse_input
from app.sizes import add_sensor_argument
from events.recordings.aedat4_writer import SUFFIX
from events.recordings.compression import Compression
from events.sources.open import open_source
from events.sources.source import Seekable, Source

PROGRESS_PERIOD_S = 0.25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `saccade record`."""
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="camera[:SERIAL], tcp://HOST:PORT, unix:PATH, synthetic[:SEED] or a recording",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="X.aedat4",
        help="the file to write (default: named after the camera and the time)",
    )
    add_sensor_argument(parser)
    parser.add_argument("--seconds", type=_seconds, metavar="S", help="stop after so long")
    names = [member.name.lower() for member in Compression]
    parser.add_argument("--compression", choices=names, default="lz4")
    add_capture_option(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def run(args: argparse.Namespace) -> int:
    """Record until the time is over, the stream ends or the user interrupts; see the options."""
    if args.output is not None:
        check_suffix(args.output, "a recording", SUFFIX)
        refuse_input(args.output, args.input)
        check_writable(args.output, overwrite=args.overwrite)
    with open_source(args.input, args.sensor, in_child=args.capture_process) as source:
        if isinstance(source, Seekable):
            source.set_speed(math.inf)  # nobody watches: as fast as the disk takes it
        path = args.output or default_path(source.name)
        recorder = FileRecorder(
            path,
            source.sensor,
            source.name,
            compression=args.compression,
            overwrite=args.overwrite,
        )
        duration_s = math.inf if args.seconds is None else args.seconds
        try:
            with recorder, interrupt_flag() as interrupted:
                _record(source, recorder, duration_s, interrupted)
        finally:  # whatever ends it, such as a camera that is unplugged
            _report(recorder)
        message = source.status.message
    if message:
        warn(message)
    return EXIT_INTERRUPTED if interrupted.is_set() else 0


def _record(
    source: Source, recorder: FileRecorder, duration_s: float, interrupted: threading.Event
) -> None:
    """Write the source's packets, with a line of progress on the terminal."""
    told_s, num_told = time.monotonic(), 0
    with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        for packet in source.packets():
            surplus_us = recorder.duration_us + recorder.new_us(packet) - duration_s * 1e6
            if surplus_us > 0:
                packet = packet.between(packet.start_us, packet.end_us - int(surplus_us))
            recorder.write(packet)
            now_s = time.monotonic()
            if now_s - told_s >= PROGRESS_PERIOD_S:
                rate = (recorder.num_events - num_told) / (now_s - told_s)
                told_s, num_told = now_s, recorder.num_events
                live.update(_progress(source, recorder, rate), refresh=True)
            if surplus_us >= 0 or interrupted.is_set():
                return


def _progress(source: Source, recorder: FileRecorder, events_per_s: float) -> Text:
    lost = f"  {recorder.num_lost:,} lost" if recorder.num_lost else ""
    message = f"  {source.status.message}" if source.status.message else ""
    return Text(
        f"{recorder.paths[-1].name}  {recorder.duration_us / 1e6:.1f} s  "
        f"{events_per_s / 1e6:.2f} Mev/s  {recorder.num_bytes / 1e6:.1f} MB{lost}{message}"
    )


def _report(recorder: FileRecorder) -> None:
    names = ", ".join(str(path) for path in recorder.paths)
    lost = f", {recorder.num_lost:,} lost" if recorder.num_lost else ""
    print(  # noqa: T201
        f"{names}: {recorder.num_events:,} events{lost}, {recorder.duration_us / 1e6:.3f} s, "
        f"{recorder.num_bytes / 1e6:.1f} MB"
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number of seconds, got {text!r}")
    return value
