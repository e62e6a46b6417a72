"""`saccade train RECIPE`: run a recipe, or go on with an interrupted one."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import logging
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import UserError

if TYPE_CHECKING:
    from training.loop import Progress

RUN_OPTIONS = (
    "The run's own options are -o FOLDER, --device, --threads, --resume, --restart and "
    "--allow-changes: `saccade train --help` says more."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options; the recipe's fields are parsed once torch is loaded."""
    _add_options(parser)
    parser.add_argument("--list", action="store_true", help="say which recipes there are")
    parser.add_argument(
        "recipe", nargs="?", help="a file of training/recipes, such as default or smoke"
    )
    parser.add_argument(
        "rest",
        nargs=argparse.REMAINDER,
        metavar="--field value",
        help="options, and fields of the recipe such as --seed 1 or --optimizer.lr 1e-5; "
        "`saccade train RECIPE --help` says all",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, help="folder of the run [out/RECIPE]")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda [auto]")
    parser.add_argument("--threads", type=int, help="processor threads [torch's choice]")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    existing.add_argument("--restart", action="store_true", help="drop the run in the folder")
    parser.add_argument(
        "--allow-changes", action="store_true", help="resume though the recipe has changed"
    )


def run(args: argparse.Namespace) -> int:
    """Train; 0 when the model file is written."""
    if args.list:
        return _list()
    if args.recipe is None:
        raise UserError("name a recipe, such as `saccade train smoke`; --list says which there are")
    import torch
    import tyro

    from training.distributed import joined
    from training.loop import train
    from training.recipe import Recipe, load_recipe
    from training.run_folder import Existing, open_run_folder

    fields = _parse_rest(args)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    offered = load_recipe(args.recipe)
    offered = dataclasses.replace(offered, data=offered.data.offering_all())
    recipe = tyro.cli(
        Recipe,
        default=offered,
        args=fields,
        prog=f"saccade train {args.recipe}",
        description=f"{RUN_OPTIONS} All else is the recipe:",
    )
    recipe = dataclasses.replace(recipe, data=recipe.data.without_unused())
    if args.threads:
        torch.set_num_threads(args.threads)
    device = torch.device(_device(args.device, torch.cuda.is_available()))
    provenance = _provenance(args.recipe, fields)
    path = args.output or Path("out") / args.recipe
    existing: Existing = "resume" if args.resume else "restart" if args.restart else "refuse"
    with joined(device) as world, _Bar(recipe.name, recipe.num_steps, world.is_main) as bar:
        folder = open_run_folder(path, recipe, world, existing, allow_changes=args.allow_changes)
        for change in folder.changes:
            logging.getLogger(__name__).warning("the recipe has changed: %s", change)
        made = train(recipe, folder, world, report=bar.show, provenance=provenance)
        is_main = world.is_main
    if is_main:
        print(made)  # noqa: T201
    return 0


class _Bar:
    """A progress bar on a terminal, lines elsewhere."""

    def __init__(self, name: str, num_steps: int, is_shown: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        self._is_live = is_shown and sys.stderr.isatty()
        self._bar = RichProgress(*columns, console=Console(stderr=True), disable=not self._is_live)
        self._task = self._bar.add_task(name, total=num_steps)

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def show(self, progress: Progress) -> None:
        """Report one logged step."""
        line = f"step {progress.step}/{progress.num_steps}  loss {progress.loss:.4g}  "
        line += "  ".join(f"{name} {value:.3g}" for name, value in progress.terms.items())
        speed = progress.throughput
        line += f"  {speed.samples_per_s:.0f} samples/s, data wait {speed.wait_percent:.0f} %"
        if speed.mfu_percent is not None:
            line += f", MFU {speed.mfu_percent:.0f} %"
        if progress.num_skipped:
            line += f", {progress.num_skipped} unreadable samples replaced"
        self._bar.update(self._task, completed=progress.step, description=line)
        if not self._is_live:
            logging.getLogger(__name__).info(line)


def _list() -> int:
    from training.recipe import recipe_names

    for name in recipe_names():
        text = importlib.import_module(f"training.recipes.{name}").__doc__ or ""
        print(f"{name:24} {text.splitlines()[0]}")  # noqa: T201
    return 0


def _device(asked: str, has_cuda: bool) -> str:
    if asked == "auto":
        return "cuda" if has_cuda else "cpu"
    if asked.startswith("cuda") and not has_cuda:
        raise ValueError(f"--device {asked}: torch sees no CUDA GPU here; use --device cpu")
    return asked


def _parse_rest(args: argparse.Namespace) -> list[str]:
    """Take the options that follow the recipe's name into ``args``; return the recipe's fields."""
    parser = argparse.ArgumentParser(
        add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False
    )
    _add_options(parser)
    _, fields = parser.parse_known_args(args.rest, args)
    return fields


def _provenance(recipe: str, fields: list[str]) -> dict[str, object]:
    """Return what made a model: the command without its folder, and the revision of the code."""
    command = ["saccade", "train", recipe, *fields]
    where = Path(__file__).parent
    git = ["git", "-C", os.fspath(where), "rev-parse", "--short", "HEAD"]
    try:
        revision = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        revision = "unknown"
    return {"command": shlex.join(command), "revision": revision}
