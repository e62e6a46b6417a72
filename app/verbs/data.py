"""`saccade data`: which data sets are known, and what of them is found, missing or corrupt."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from app.cli import EXIT_FAILED, UserError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from training.data.check import Finding, Report

MOST_NAMED = 12
"""Labels whose numbers are printed in the line of their split."""
SPLITS: tuple[Literal["train", "val"] | None, ...] = ("train", "val", None)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `saccade data`."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    known = actions.add_parser("list", help="name every data set and the layout of its folder")
    known.add_argument("--json", action="store_true", help="print as JSON")
    check = actions.add_parser("check", help="open every file of every data set under a folder")
    check.add_argument("root", nargs="?", type=Path, help="folder of the data sets [$SACCADE_DATA]")
    check.add_argument("--set", action="append", metavar="NAME", help="only this set; repeatable")
    check.add_argument("--deep", action="store_true", help="read all that is in the files")
    check.add_argument("--labels", action="store_true", help="print the numbers of every label")
    check.add_argument("--json", action="store_true", help="print as JSON")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 1 where a file is corrupt, or missing from a set that is there."""
    return _list(args) if args.action == "list" else _check(args)


def _list(args: argparse.Namespace) -> int:
    from training.data.catalogue import dataset_class, dataset_names

    layouts = {name: str(getattr(dataset_class(name), "layout", "")) for name in dataset_names()}
    if args.json:
        print(json.dumps(layouts, indent=1))  # noqa: T201
        return 0
    width = max(len(name) for name in layouts)
    for name, layout in layouts.items():
        print(f"{name:{width}}  {layout or 'made without files'}")  # noqa: T201
    return 0


def _check(args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    from training.data.catalogue import dataset_names
    from training.data.check import check_dataset
    from training.data.folder import data_folder

    root: Path = args.root or data_folder()
    if not root.is_dir():
        raise UserError(f"no folder {root}: name the one that holds the data sets")
    names = dataset_names()
    unknown = [name for name in args.set or () if name not in names]
    if unknown:
        raise UserError(f"no data set {unknown[0]!r}: choose from {', '.join(names)}")
    found: dict[str, tuple[Report, list[Finding]]] = {}
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        for name in args.set or names:
            problems: list[Finding] = []
            note = partial(_note, bar, bar.add_task(name, total=None), problems)
            report = check_dataset(name, root, deep=args.deep, report=note)
            found[name] = report, problems
            if not args.json:
                _print(report, problems, with_labels=args.labels)
    if args.json:
        print(json.dumps({name: _as_json(*each) for name, each in found.items()}, indent=1))  # noqa: T201
    return 0 if all(report.is_whole for report, _ in found.values()) else EXIT_FAILED


def _note(bar: Progress, task: TaskID, problems: list[Finding], finding: Finding) -> None:
    bar.advance(task)
    if finding.problem:
        problems.append(finding)


def _print(report: Report, problems: list[Finding], *, with_labels: bool) -> None:
    state = report.state if report.is_whole else "corrupt" if report.num_corrupt else "incomplete"
    counts = report.reason or "; ".join(_of_splits(report, with_labels=with_labels))
    print(f"{report.name:20}  {state:10}  {counts}")  # noqa: T201
    for finding in problems:
        print(f"  {finding.state}: {finding.path} {finding.problem}")  # noqa: T201


def _of_splits(report: Report, *, with_labels: bool) -> list[str]:
    """Return how much of each split is well, in words."""
    words = []
    for split in SPLITS:
        numbers = report.of_split(split)
        total = sum(numbers.values())
        if not total:
            continue
        text = f"{split} {total:,}" if split else f"{total:,}"
        labels = {label: number for label, number in numbers.items() if label and number}
        if with_labels or 0 < len(labels) <= MOST_NAMED:
            text += f" ({', '.join(f'{label} {number:,}' for label, number in labels.items())})"
        elif labels:
            least, most = min(labels.values()), max(labels.values())
            each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
            text += f" of {len(labels):,} labels, {each} of each"
        words.append(text)
    return words


def _as_json(report: Report, problems: list[Finding]) -> dict[str, Any]:
    by_split: Counter[str] = Counter()
    for (split, _), number in report.num_files.items():
        by_split[split or "both"] += number
    return {
        "state": report.state,
        "reason": report.reason,
        "found": by_split,
        "labels": {split or "both": report.of_split(split) for split in SPLITS},
        "missing": report.num_missing,
        "corrupt": report.num_corrupt,
        "problems": [
            {"state": each.state, "path": str(each.path), "problem": each.problem}
            for each in problems
        ],
    }
