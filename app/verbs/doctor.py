"""`saccade doctor`: check this machine; one line a check, with the cure where there is one."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console
from rich.text import Text

from app.checks.check import Check, Verdict
from app.checks.choice import check_choice
from app.checks.libraries import check_libraries
from app.checks.machine import check_machine
from app.checks.providers import check_providers
from app.checks.tensorrt import check_tensorrt
from app.checks.window import check_window
from app.cli import EXIT_FAILED

GROUPS: tuple[Callable[[], Iterator[Check]], ...] = (
    check_libraries,
    check_providers,
    check_tensorrt,
    check_window,
    check_machine,
    check_choice,
)
STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `saccade doctor`."""
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")


def run(args: argparse.Namespace) -> int:
    """Print every check; 0 when an engine can run on a recording, else 1."""
    with ThreadPoolExecutor() as pool:  # most of them wait for a child process
        checks = [check for group in pool.map(lambda g: list(g()), GROUPS) for check in group]
    can_run = all(check.verdict is not Verdict.FAIL for check in checks)
    if args.json:
        print(as_json(checks, can_run))  # noqa: T201
    else:
        _print(checks, can_run)
    return 0 if can_run else EXIT_FAILED


def as_json(checks: list[Check], can_run: bool) -> str:
    """Return the checks as one JSON object."""
    rows = [
        {"subject": c.subject, "verdict": c.verdict.value, "message": c.message, "cure": c.cure}
        for c in checks
    ]
    return json.dumps({"can_run": can_run, "checks": rows}, indent=2)


def _print(checks: list[Check], can_run: bool) -> None:
    console = Console(soft_wrap=True, highlight=False)
    width = max(len(check.subject) for check in checks)
    for check in checks:
        line = Text(f"{check.verdict.value:4}", style=STYLES[check.verdict])
        line.append(f"  {check.subject:{width}}  {check.message}", style="default")
        if check.cure:
            line.append(f": {check.cure}", style="bold")
        console.print(line)
    num_warned = sum(check.verdict is Verdict.WARN for check in checks)
    if not can_run:
        console.print("Engines cannot run here: see the failed lines.")
    elif num_warned:
        plural = "s" if num_warned > 1 else ""
        console.print(f"Engines run here, with {num_warned} warning{plural}.")
    else:
        console.print("All is well.")
