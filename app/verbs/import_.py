"""`saccade import`: make a model file of weights that others published."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's options."""
    from models.official.official import official_names

    parser.add_argument(
        "kind", choices=["official"], metavar="official", help="an encoder that a paper published"
    )
    parser.add_argument(
        "name", metavar="NAME", choices=official_names(), help=", ".join(official_names())
    )
    parser.add_argument("checkpoint", type=Path, help="the file as its authors gave it out")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="model file to write (.safetensors)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def run(args: argparse.Namespace) -> int:
    """Write the model file, and say what it is and what its users should know."""
    _check(args)
    from models.model_file import save_model
    from models.official.official import read_official

    module, card = read_official(args.name, args.checkpoint)
    save_model(args.output, module, card)
    num_weights = sum(value.numel() for value in module.parameters())
    lines = [
        f"{args.output}: {card.name}, {num_weights / 1e6:.1f} million weights, of "
        f"{card.provenance['paper']}",
        f"input: {card.spec} of {card.window_us / 1e3:g} ms at "
        f"{card.input_width}x{card.input_height}",
    ]
    lines += [f"note: {note}" for note in card.provenance["notes"]]
    lines += [
        f"left out: {names} ({reason})" for reason, names in card.provenance["dropped"].items()
    ]
    print("\n".join(lines))  # noqa: T201
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot work before a large file is read."""
    if args.output.suffix != ".safetensors":
        raise UserError(f"the model file must be named *.safetensors, got {args.output}")
    if args.output.is_dir():
        raise UserError(f"{args.output} is a folder: give a file's name")
    if not args.output.parent.is_dir():
        raise UserError(f"no folder {args.output.parent}: make it first")
    if args.output.exists() and not args.overwrite:
        raise UserError(f"{args.output} exists: choose another name or give --overwrite")
