"""`saccade convert`: write a recording anew: another compression, an index, no damage."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from heapq import merge
from pathlib import Path
from typing import Any

from app.cli import UserError
from events.recordings.aedat4_writer import SUFFIX, Aedat4Writer
from events.recordings.compression import Compression
from events.recordings.open import open_recording
from events.recordings.recording import Recording

_READABLE = ("events", "frames", "imu", "triggers")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `saccade convert`."""
    parser.add_argument("input", metavar="IN", help="a recording")
    parser.add_argument("output", metavar="OUT", type=Path, help=f"the file to write, *{SUFFIX}")
    names = [member.name.lower() for member in Compression]
    parser.add_argument("--compression", choices=names, default="lz4")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def run(args: argparse.Namespace) -> int:
    """Copy every stream that can be read, and say what could not."""
    output: Path = args.output
    if output.suffix != SUFFIX:
        raise UserError(f"{output} must end in {SUFFIX}: AEDAT4 is the format that saccade writes")
    with open_recording(args.input) as recording:
        if output.exists() and os.path.samefile(args.input, output):
            raise UserError(f"{output} is the input itself: write to another file")
        if output.exists() and not args.overwrite:
            raise UserError(f"{output} exists: choose another name, or give --overwrite")
        if output.is_dir():
            raise UserError(f"{output} is a folder: give a file's name")
        if not output.parent.is_dir():
            raise UserError(f"no folder {output.parent}: make it first")
        num_events = _convert(recording, output, args.compression)
        sizes = recording.path.stat().st_size, output.stat().st_size
        damage = recording.damage
    print(  # noqa: T201
        f"{output}: {num_events:,} events, {sizes[1] / 1e6:.2f} MB (from {sizes[0] / 1e6:.2f} MB)"
    )
    if not damage.is_clean:
        print(f"saccade: {args.input} is damaged: {damage}", file=sys.stderr)  # noqa: T201
    return 0


def _convert(recording: Recording, output: Path, compression: str) -> int:
    """Write ``output`` and return its number of events; the file gets its name when complete."""
    part = output.with_name(f".{output.stem}.part{SUFFIX}")
    kinds = list(dict.fromkeys(s.kind for s in recording.streams if s.kind in _READABLE))
    try:
        with Aedat4Writer(
            part, recording.sensor, recording.camera, compression, overwrite=True, kinds=kinds
        ) as writer:
            _copy(recording, writer)
        os.replace(part, output)
    except OSError as error:
        raise UserError(f"{output} was not written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return writer.num_events


def _copy(recording: Recording, writer: Aedat4Writer) -> None:
    """Write all streams in the order of time, so that a reader of all of them never has to jump."""
    streams = [
        _tagged(((packet.start_us, packet) for packet in recording.packets()), writer.write),
        _tagged(((frame.t_us, frame) for frame in recording.frames()), writer.write_frame),
        _tagged(((int(rows["t"][0]), rows) for rows in recording.imu()), writer.write_imu),
        _tagged(
            ((int(rows["t"][0]), rows) for rows in recording.triggers()), writer.write_triggers
        ),
    ]
    for _, item, write in merge(*streams, key=lambda entry: entry[0]):
        write(item)


def _tagged(
    stream: Iterable[tuple[int, Any]], write: Callable[[Any], None]
) -> Iterable[tuple[int, Any, Callable[[Any], None]]]:
    return ((t_us, item, write) for t_us, item in stream)
