"""`saccade convert`: write a recording anew: another format or compression, an index, no damage."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from pathlib import Path
from typing import Any

from app.cli import UserError, warn
from app.output_file import check_writable
from app.sizes import add_sensor_argument
from events.recordings.open import open_recording, sensor_note
from events.recordings.recording import Recording
from events.recordings.writers import WRITER_FORMATS, Writer, WriterFormat

_SUFFIXES = " or ".join(dict.fromkeys(WRITER_FORMATS))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `saccade convert`."""
    parser.add_argument("input", metavar="IN", help="a recording of any format")
    parser.add_argument(
        "output", metavar="OUT", type=Path, help=f"the file to write, *{_SUFFIXES} (DSEC's layout)"
    )
    names = dict.fromkeys(name for form in WRITER_FORMATS.values() for name in form.compressions)
    parser.add_argument(
        "--compression", choices=names, help="default: lz4 for .aedat4, blosc for .h5"
    )
    add_sensor_argument(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def run(args: argparse.Namespace) -> int:
    """Copy every stream that can be read and written, and say what could not."""
    output: Path = args.output
    form = WRITER_FORMATS.get(output.suffix)
    if form is None:
        raise UserError(f"{output} must end in {_SUFFIXES}: the formats that saccade writes")
    compression = args.compression or form.compressions[0]
    if compression not in form.compressions:
        raise UserError(
            f"{output.suffix} is not compressed by {compression}: give one of "
            f"{', '.join(form.compressions)}"
        )
    with open_recording(args.input, args.sensor) as recording:
        _check_output(args.input, output, args.overwrite)
        num_events, left_out = _convert(recording, output, form, compression)
        sizes = recording.path.stat().st_size, output.stat().st_size
        notes = [sensor_note(recording, args.sensor)]
        damage = recording.damage
    print(  # noqa: T201
        f"{output}: {num_events:,} events, {sizes[1] / 1e6:.2f} MB (from {sizes[0] / 1e6:.2f} MB)"
    )
    if left_out:
        what = ", ".join(f"{number:,} {kind}" for kind, number in left_out.items())
        notes.append(f"left out, since {output.suffix} cannot hold it: {what}")
    if not damage.is_clean:
        notes.append(f"{args.input} is damaged: {damage}")
    for note in filter(None, notes):
        warn(note)
    return 0


def _check_output(source: str, output: Path, overwrite: bool) -> None:
    if output.exists() and os.path.samefile(source, output):
        raise UserError(f"{output} is the input itself: write to another file")
    check_writable(output, overwrite=overwrite)


def _convert(
    recording: Recording, output: Path, form: WriterFormat, compression: str
) -> tuple[int, Counter[str]]:
    """Write ``output``; return its number of events, and of what of each kind was left out.

    The file gets its name when complete.
    """
    part = output.with_name(f".{output.stem}.part{output.suffix}")
    kinds = list(dict.fromkeys(stream.kind for stream in recording.streams))
    written = [kind for kind in kinds if kind in form.kinds]
    left_out: Counter[str] = Counter()
    try:
        with form.open(part, recording.sensor, recording.camera, compression, written) as writer:
            _copy(recording, writer, written)
        os.replace(part, output)
    except OSError as error:
        raise UserError(f"{output} was not written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    for kind in kinds:
        if kind not in written and (number := _count(recording, kind)):
            left_out[kind] = number
    if number := getattr(writer, "num_dropped_frames", 0):
        left_out["frames of another size"] = number
    return writer.num_events, left_out


def _copy(recording: Recording, writer: Writer, kinds: list[str]) -> None:
    """Write all streams in the order of time, so that a reader of all of them never has to jump."""
    streams: list[Iterator[tuple[int, Any, Callable[[Any], None]]]] = []
    if "events" in kinds:
        packets = ((packet.start_us, packet) for packet in recording.packets())
        streams.append(_tagged(packets, writer.write))
    if "frames" in kinds:
        frames = ((frame.t_us, frame) for frame in recording.frames())
        streams.append(_tagged(frames, writer.write_frame))
    for kind, batches in (("imu", recording.imu), ("triggers", recording.triggers)):
        if kind in kinds:
            rows = ((int(rows["t"][0]), rows) for rows in batches())
            streams.append(_tagged(rows, getattr(writer, f"write_{kind}")))
    for _, item, write in merge(*streams, key=lambda entry: entry[0]):
        write(item)


def _tagged(
    stream: Iterable[tuple[int, Any]], write: Callable[[Any], None]
) -> Iterator[tuple[int, Any, Callable[[Any], None]]]:
    return ((t_us, item, write) for t_us, item in stream)


def _count(recording: Recording, kind: str) -> int:
    """Return how much of a kind a recording holds; 0 for a kind that we do not read."""
    if kind == "frames":
        return sum(1 for _ in recording.frames())
    if kind in ("imu", "triggers"):
        batches = recording.imu() if kind == "imu" else recording.triggers()
        return sum(len(rows) for rows in batches)
    return 0
