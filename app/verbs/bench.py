"""`saccade bench`: time every stage on this machine, with ratios within one run."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import UserError
from app.output_file import check_suffix, check_writable
from app.trace import Trace, tracing

if TYPE_CHECKING:
    from app.bench.row import Row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's options."""
    parser.add_argument(
        "input", nargs="?", metavar="INPUT", help="a recording to decode; default: one made here"
    )
    parser.add_argument(
        "--engine", type=Path, metavar="E", help="default: the one that ships with Saccade"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    sections = parser.add_mutually_exclusive_group()
    sections.add_argument(
        "--gpu", action="store_true",
        help="only the GPU's table: raw events to decoded predictions by each way that starts",
    )  # fmt: skip
    sections.add_argument(
        "--only", nargs="+", metavar="SECTION",
        help="sections to run, such as: engine pipeline; default: all",
    )  # fmt: skip
    parser.add_argument(
        "--trace", type=Path, metavar="OUT.json",
        help="what each thread did when, in the sections that run pipelines: for ui.perfetto.dev",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    sections = _sections(args)
    machine = f"{machine_line()}, {_gpu_line()}" if args.gpu else machine_line()
    if not args.json:
        print(machine)  # noqa: T201
    found = []
    with tracing(args.trace) as trace:
        for row in _rows(args, sections, trace):
            found.append(row)
            if not args.json:
                _print(row, is_new=len(found) < 2 or found[-2].section != row.section)
    if args.json:
        values = [{**dataclasses.asdict(row), "ratio": row.ratio} for row in found]
        print(json.dumps({"machine": machine, "rows": values}, indent=1))  # noqa: T201
    return 0


def _sections(args: argparse.Namespace) -> list[str]:
    """Return the sections to run; refuse what cannot work before anything slow happens."""
    from app.bench.sections import SECTIONS, TRACED

    unknown = sorted(set(args.only or ()) - set(SECTIONS))
    if unknown:
        raise UserError(f"no section {', '.join(unknown)}: choose from {', '.join(SECTIONS)}")
    sections = ["gpu"] if args.gpu else args.only or list(SECTIONS)
    if args.trace:
        check_suffix(args.trace, "the trace", ".json")
        check_writable(args.trace, overwrite=True)
        if not set(sections) & set(TRACED):
            raise UserError(f"--trace needs one of the sections {', '.join(TRACED)}")
    return sections


def _rows(args: argparse.Namespace, sections: list[str], trace: Trace) -> Iterator[Row]:
    from app.bench.sections import SECTIONS, Request

    request = Request(recording=args.input, engine=args.engine, trace=trace, is_gpu_wanted=args.gpu)
    for section in sections:
        yield from SECTIONS[section](request)


def machine_line() -> str:
    """Return the processor, its cores and load, the system and Python in one line."""
    from export.fingerprint import processor

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{processor()}, {cores} cores{load}, {system}"


def _gpu_line() -> str:
    """Return the GPU's name, or that there is none."""
    import torch

    if not torch.cuda.is_available():
        return "no GPU: its paths run on the CPU"
    return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"


def _print(row: Row, *, is_new: bool) -> None:
    if is_new:
        print(f"\n{row.section}")  # noqa: T201
    ratio = f"{row.ratio:6.2f}x" if row.ratio is not None else " " * 7
    print(f"  {row.name:<52}{row.value:>10.4g} {row.unit:<10}{ratio}  {row.note}".rstrip())  # noqa: T201
    sys.stdout.flush()
