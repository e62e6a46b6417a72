"""`saccade train RECIPE`: run a recipe, or go on with an interrupted one."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import subprocess
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options; the recipe's fields are parsed once torch is loaded."""
    _add_options(parser)
    parser.add_argument("recipe", help="a file of training/recipes, such as default or smoke")
    parser.add_argument(
        "rest",
        nargs=argparse.REMAINDER,
        metavar="--field value",
        help="options, and fields of the recipe such as --seed 1 or --stages.0.steps 100",
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, help="folder of the run [runs/RECIPE]")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda [auto]")
    parser.add_argument("--threads", type=int, help="processor threads [torch's choice]")
    parser.add_argument("--restart", action="store_true", help="drop the checkpoint in the folder")


def run(args: argparse.Namespace) -> int:
    """Train; 0 when the model file is written."""
    import torch
    import tyro
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from training.loop import CHECKPOINT_FILE, train
    from training.loop import Progress as Report
    from training.recipe import Recipe, load_recipe

    fields = _parse_rest(args)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe = tyro.cli(Recipe, default=load_recipe(args.recipe), args=fields)
    folder = args.output or Path("runs") / args.recipe
    if args.restart:
        (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
    if args.threads:
        torch.set_num_threads(args.threads)
    device = torch.device(_device(args.device, torch.cuda.is_available()))
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    is_live = sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=not is_live) as bar:
        task = bar.add_task(recipe.name, total=recipe.num_steps)

        def report(progress: Report) -> None:
            terms = "  ".join(f"{name} {value:.3f}" for name, value in progress.terms.items())
            line = f"step {progress.step}/{progress.num_steps}  {terms}"
            line += f"  {progress.samples_per_s:.0f} samples/s"
            bar.update(task, completed=progress.step, description=line)
            if not is_live:
                logging.getLogger(__name__).info(line)

        path = train(
            recipe,
            folder,
            device=device,
            report=report,
            provenance=_provenance(args.recipe, fields),
        )
    print(path)  # noqa: T201
    return 0


def _device(asked: str, has_cuda: bool) -> str:
    if asked == "auto":
        return "cuda" if has_cuda else "cpu"
    if asked.startswith("cuda") and not has_cuda:
        raise ValueError(f"--device {asked}: torch sees no CUDA GPU here; use --device cpu")
    return asked


def _parse_rest(args: argparse.Namespace) -> list[str]:
    """Take the options that follow the recipe's name into ``args``; return the recipe's fields."""
    parser = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
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
