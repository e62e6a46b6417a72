"""`saccade info`: what is in a recording, and what is damaged."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from app.cli import EXIT_FAILED, warn
from app.sizes import add_sensor_argument
from events.recordings.open import open_recording, sensor_note
from events.recordings.summary import Summary, summarize

_UNIX_US = 946_684_800_000_000
"""Times from the year 2000 on are taken for Unix time, earlier ones for time since power-on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `saccade info`."""
    parser.add_argument("file", metavar="FILE", help="a recording")
    add_sensor_argument(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the summary of a recording; 1 if something in it could not be read."""
    with open_recording(args.file, args.sensor) as recording:
        summary = summarize(recording)
        note = sensor_note(recording, args.sensor)
    print(json.dumps(_as_json(summary)) if args.json else _as_text(summary))  # noqa: T201
    if note:
        warn(note)
    if summary.damage.is_clean:
        return 0
    warn(f"{summary.path} is damaged: {summary.damage}")
    return EXIT_FAILED


def _as_json(summary: Summary) -> dict[str, Any]:
    return {
        "path": str(summary.path),
        "format": summary.format,
        "bytes": summary.num_bytes,
        "camera": summary.camera,
        "width": summary.sensor.width,
        "height": summary.sensor.height,
        "streams": [
            {"kind": stream.kind, "name": stream.name, "elements": stream.num_elements}
            for stream in summary.streams
        ],
        "start_us": summary.start_us,
        "end_us": summary.end_us,
        "duration_s": summary.duration_s,
        "events": summary.num_events,
        "on_events": summary.num_on,
        "mean_rate_per_s": summary.mean_rate_per_s,
        "peak_rate_per_s": summary.peak_rate_per_s,
        "damage": {
            name: getattr(summary.damage, name) for name in summary.damage.__dataclass_fields__
        },
        "is_clean": summary.damage.is_clean,
    }


def _as_text(summary: Summary) -> str:
    on_share = f", {summary.num_on / summary.num_events:.0%} brighter" if summary.num_events else ""
    lines = [
        ("file", f"{summary.path} ({_bytes(summary.num_bytes)})"),
        ("format", summary.format),
        ("camera", summary.camera or "not recorded"),
        ("resolution", str(summary.sensor)),
        ("streams", ", ".join(_stream(s.kind, s.num_elements) for s in summary.streams)),
        ("events", f"{summary.num_events:,}{on_share}"),
        ("duration", f"{summary.duration_s:.6g} s{_started(summary.start_us)}"),
        (
            "rate",
            f"{_rate(summary.mean_rate_per_s)} mean, {_rate(summary.peak_rate_per_s)} peak (10 ms)",
        ),
        ("damage", str(summary.damage)),
    ]
    return "\n".join(f"{name:<11}{text}" for name, text in lines)


def _stream(kind: str, number: int | None) -> str:
    if number is None:
        return f"{kind} (not read)"
    return f"{number:,} {'inertial samples' if kind == 'imu' else kind}"


def _started(start_us: int) -> str:
    if start_us < _UNIX_US:
        return f" from {start_us / 1e6:.6f} s of the camera's clock"
    try:
        start = datetime.fromtimestamp(start_us / 1e6, UTC)
    except (OverflowError, OSError, ValueError):
        return ""
    return f" from {start:%Y-%m-%d %H:%M:%S} UTC"


def _rate(per_s: float) -> str:
    return f"{per_s / 1e6:.3g} Mev/s"


def _bytes(number: int) -> str:
    return f"{number / 1e6:.2f} MB" if number >= 1e6 else f"{number:,} bytes"
