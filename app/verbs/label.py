"""`saccade label`: let a model that shares a space with text recognise what words name."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli import UserError
from app.output_file import check_suffix, check_writable
from training.prompts import PROMPT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("model", type=Path, help="a model file whose encoder was taught with text")
    parser.add_argument(
        "--teacher", required=True, metavar="NAME",
        help="the image-text model that it was taught with: hub name or local folder",
    )  # fmt: skip
    labels = parser.add_mutually_exclusive_group(required=True)
    labels.add_argument("--labels", nargs="+", metavar="LABEL", help="what to recognise")
    labels.add_argument("--labels-of", metavar="DATASET", help="the labels of a data set")
    parser.add_argument(
        "--prompt", default=PROMPT, help=f"text of a label, {{label}} in it [{PROMPT}]"
    )
    parser.add_argument("--scale", type=float, help="of the logits [the teacher's own]")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="model file to write (.safetensors)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def run(args: argparse.Namespace) -> int:
    """Write the model file and say what it recognises."""
    _check(args)
    from models.model_file import load_model, save_model
    from models.prompting import prompted
    from models.teachers.image_text import ImageTextTeacher
    from models.teachers.open import open_teacher

    labels = args.labels or _labels_of(args.labels_of)
    module, card = load_model(args.model)
    teacher = open_teacher(args.teacher)
    texts_KE = teacher.texts([args.prompt.format(label=label) for label in labels])
    assert isinstance(teacher, ImageTextTeacher)  # others know no texts
    scale = teacher.logit_scale if args.scale is None else args.scale
    model, card = prompted(module, card, labels, texts_KE, scale=scale)
    save_model(args.output, model, card)
    shown = ", ".join(labels[:8]) + (", ..." if len(labels) > 8 else "")
    print(f"{args.output}: {card.name} recognises {len(labels)} labels: {shown}")  # noqa: T201
    return 0


def _labels_of(name: str) -> tuple[str, ...]:
    from training.data.catalogue import load_dataset

    labels = load_dataset(name).recognition_labels
    if not labels:
        raise UserError(f"data set {name} has no recognition labels: give --labels")
    return labels


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot work before a model is read."""
    if "{label}" not in args.prompt:
        raise UserError(f"--prompt must contain {{label}}, got {args.prompt!r}")
    if args.scale is not None and not args.scale > 0:
        raise UserError(f"--scale must be above 0, got {args.scale}")
    check_suffix(args.output, "the model file", ".safetensors")
    check_writable(args.output, overwrite=args.overwrite)
