"""`saccade eval MODEL DATASET`: measure a model, or an engine made of one, on held-out data."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli import UserError, check_at_least_1, say
from app.sizes import width_and_height
from export.providers.provider import PROVIDERS

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from models.results import Prediction
    from training.data.dataset import DataSet, LabelledWindow
    from training.evaluate import EvalConfig

MODEL_SUFFIX = ".safetensors"
Report = Callable[[int, int], None]
Measure = Callable[["DataSet", "EvalConfig", Report], dict[str, dict[str, Any]]]
"""Returns the figures of a data set, by how they came about; "" where there is but one way."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "model", type=Path, help="a model file (.safetensors), or an engine (.onnx, .trt)"
    )
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
    parser.add_argument("--provider", choices=PROVIDERS, help="what runs an engine (default: cpu)")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the figures of each data set."""
    check_at_least_1(args, "max_windows")
    if args.stream is not None and args.stream < 2:
        raise UserError(f"--stream must be at least 2 windows, got {args.stream}")
    if args.stream is not None and (args.probe or args.teacher):
        raise UserError("--stream measures a model's own heads: give it without --probe, --teacher")
    measure = _of_model(args) if args.model.suffix == MODEL_SUFFIX else _of_engine(args)
    figures = _figures(args, measure)
    if args.json:
        print(json.dumps(figures, indent=1))  # noqa: T201
        return 0
    for name, values in figures.items():
        shown = [f"{key} {value:.3g}" for key, value in values.items() if isinstance(value, float)]
        said = ", ".join(shown) or "no label of it is one that the model knows"
        print(f"{name} ({values['num_windows']} windows): {said}")  # noqa: T201
    return 0


def _of_model(args: argparse.Namespace) -> Measure:
    """Return what measures a model file, in the way that was asked for."""
    from models.model_file import load_model
    from models.teachers.open import open_teacher
    from training.evaluate import evaluate, predictions
    from training.evaluate_features import evaluate_features
    from training.evaluate_streams import evaluate_streams
    from training.zero_shot import zero_shot

    if args.provider is not None:
        raise UserError(f"--provider is of engines, and {args.model} is a model: leave it out")
    module, card = load_model(args.model)
    teacher = None if args.teacher is None else open_teacher(args.teacher)

    def measure(dataset: DataSet, config: EvalConfig, report: Report) -> dict[str, dict[str, Any]]:
        if args.stream is not None:
            return evaluate_streams(module, card, dataset, config, args.stream, report)
        if teacher is not None:
            return {"": zero_shot(module, card, teacher, dataset, config, report)}
        if args.probe or not card.tasks:
            return {"": evaluate_features(module, card, dataset, config, report)}
        predict = partial(predictions, module, card)
        return {"": evaluate(predict, card, dataset, config, report)}

    return measure


def _of_engine(args: argparse.Namespace) -> Measure:
    """Return what measures an engine as the window runs it, each window by itself."""
    from app.engines import load_engine
    from app.inference import Inference
    from events.windows import Window
    from training.evaluate import evaluate

    for name in ("probe", "teacher", "stream"):
        if getattr(args, name):
            raise UserError(f"--{name} measures model files: give the engine's {MODEL_SUFFIX}")
    engine = load_engine(args.model, args.provider or "cpu", say)
    for note in engine.notes:
        say(note)
    if engine.card.is_streaming or not engine.card.tasks:
        why = "remembers earlier windows" if engine.card.is_streaming else "has no heads"
        raise UserError(f"{args.model} {why}: measure the {MODEL_SUFFIX} that it was made of")

    def predict(windows: list[LabelledWindow]) -> list[Prediction]:
        # A data set's sensor may change from one window to the next.
        return [
            Inference(engine, each.packet.sensor).infer(Window(0, each.packet, False))
            for each in windows
        ]

    def measure(dataset: DataSet, config: EvalConfig, report: Report) -> dict[str, dict[str, Any]]:
        return {"": evaluate(predict, engine.card, dataset, config, report)}

    return measure


def _figures(args: argparse.Namespace, measure: Measure) -> dict[str, dict[str, Any]]:
    """Return the figures of every data set that was asked for."""
    from rich.console import Console
    from rich.progress import Progress

    from events.packet import SensorSize
    from training.data.catalogue import load_dataset, load_present
    from training.evaluate import EvalConfig

    config = EvalConfig(
        sensor=SensorSize(*args.sensor), num_windows=args.max_windows, seed=args.seed
    )
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
            for how, values in measure(dataset, config, report).items():
                figures[f"{name}, {how}" if how else name] = values
    return figures


def _show(bar: Progress, task: TaskID, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)
