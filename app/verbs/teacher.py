"""`saccade teacher MODEL`: what a frozen image teacher is, and what its features are worth."""

from __future__ import annotations

import argparse
import logging


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("model", help="a hub name, or a folder in transformers' format")
    parser.add_argument(
        "--pictures", default="tiny_imagenet", help="labelled pictures to measure on"
    )
    parser.add_argument("--no-scores", action="store_true", help="do not measure")
    parser.add_argument(
        "--random", action="store_true", help="measure its architecture with random weights"
    )


def run(args: argparse.Namespace) -> int:
    """Print the teacher's kind and its figures."""
    from models.teachers.open import open_teacher
    from training.data.still import load_still_set
    from training.teacher_scores import teacher_scores

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    teacher = open_teacher(args.model)
    if args.random:
        teacher.forget()
    kind, size = teacher.model.config.model_type, teacher.preprocessing.size
    print(  # noqa: T201
        f"{kind}, tokens of width {teacher.width} for patches of {teacher.patch_stride} pixels, "
        f"trained at {size}x{size}, fingerprint {teacher.fingerprint}"
    )
    if not args.no_scores:
        scores = teacher_scores(teacher, load_still_set(args.pictures))
        print("  ".join(f"{name} {share:.1%}" for name, share in scores.items()))  # noqa: T201
    return 0
