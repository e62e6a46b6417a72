"""`saccade eval MODEL DATASET`: measure a model on held-out data."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli import UserError
from app.sizes import width_and_height

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("model", type=Path, help="a model file (.safetensors)")
    parser.add_argument(
        "dataset", nargs="+", help="names that `saccade data list` knows; or all that are there"
    )
    parser.add_argument("--max-windows", type=int, help="spread evenly over the held-out split")
    parser.add_argument(
        "--sensor", metavar="WxH", type=width_and_height, default=(256, 192),
        help="virtual camera's size [256x192]",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="of motion and noise [1]")
    parser.add_argument(
        "--probe", action="store_true",
        help="measure features by k-NN and linear probes, as is done for models without heads",
    )  # fmt: skip
    parser.add_argument(
        "--teacher", metavar="NAME",
        help="measure recognition by text and by a few windows of each label, against this "
        "image-text model: hub name or local folder",
    )  # fmt: skip
    parser.add_argument(
        "--stream", type=int, metavar="N",
        help="measure a model that remembers on the last of N windows in a row, and on the same "
        "windows alone",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the figures of each data set."""
    if args.max_windows is not None and args.max_windows < 1:
        raise UserError(f"--max-windows must be at least 1, got {args.max_windows}")
    if args.stream is not None and args.stream < 2:
        raise UserError(f"--stream must be at least 2 windows, got {args.stream}")
    if args.stream is not None and (args.probe or args.teacher):
        raise UserError("--stream measures a model's own heads: give it without --probe, --teacher")
    figures = _measure(args)
    if args.json:
        print(json.dumps(figures, indent=1))  # noqa: T201
        return 0
    for name, values in figures.items():
        shown = [f"{key} {value:.3g}" for key, value in values.items() if isinstance(value, float)]
        print(f"{name} ({values['num_windows']} windows): {', '.join(shown)}")  # noqa: T201
    return 0


def _measure(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    from rich.console import Console
    from rich.progress import Progress

    from events.packet import SensorSize
    from models.model_file import load_model
    from models.teachers.open import open_teacher
    from training.data.catalogue import load_dataset, load_present
    from training.evaluate import EvalConfig, evaluate
    from training.evaluate_features import evaluate_features
    from training.evaluate_streams import evaluate_streams
    from training.zero_shot import zero_shot

    config = EvalConfig(
        sensor=SensorSize(*args.sensor), num_windows=args.max_windows, seed=args.seed
    )
    module, card = load_model(args.model)
    if args.dataset == ["all"]:
        datasets = {key: each for key, each in load_present().items() if each.num_windows("val")}
    else:
        datasets = {name: load_dataset(name) for name in args.dataset}
    for name, dataset in datasets.items():
        if not dataset.num_windows("val"):
            raise UserError(
                f"{name} holds out no windows to measure on: all of it is to train with"
            )
    figures: dict[str, dict[str, Any]] = {}
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        for name, dataset in datasets.items():
            report = partial(_show, bar, bar.add_task(name))
            if args.stream is not None:
                twice = evaluate_streams(module, card, dataset, config, args.stream, report)
                figures |= {f"{name}, {how}": values for how, values in twice.items()}
            elif args.teacher is not None:
                teacher = open_teacher(args.teacher)
                figures[name] = zero_shot(module, card, teacher, dataset, config, report)
            else:
                measure = evaluate_features if args.probe or not card.tasks else evaluate
                figures[name] = measure(module, card, dataset, config, report)
    return figures


def _show(bar: Progress, task: TaskID, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)
