"""`saccade import`: make a model file of weights that others published."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.output_file import check_suffix, check_writable
from app.sizes import check_input_size, width_and_height

if TYPE_CHECKING:
    from events.representations.representation import Spec
    from models.card import ModelCard


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
    parser.add_argument(
        "--data-set", metavar="NAME", help="the authors' input for one of their data sets"
    )
    parser.add_argument(
        "--input-size",
        metavar="WxH",
        type=width_and_height,
        help="of the network's input; default: theirs",
    )
    parser.add_argument("--window-us", type=int, metavar="N", help="default: theirs")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def run(args: argparse.Namespace) -> int:
    """Write the model file, and say what it is and what its users should know."""
    _check(args)
    from models.model_file import save_model
    from models.official.official import read_official, spec_of

    spec = spec_of(args.name, args.data_set) if args.data_set else None
    module, card = read_official(args.name, args.checkpoint)
    card = _changed(card, args, spec)
    check_input_size(card, module.encoder.strides[-1])
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


def _changed(card: ModelCard, args: argparse.Namespace, spec: Spec | None) -> ModelCard:
    """Return the card with what the options say in place of the authors' choice."""
    if args.input_size:
        width, height = args.input_size
        card = replace(card, input_width=width, input_height=height)
    if args.window_us is not None:
        card = replace(card, window_us=args.window_us)
    return replace(card, spec=spec) if spec else card


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot work before a large file is read."""
    check_suffix(args.output, "the model file", ".safetensors")
    check_writable(args.output, overwrite=args.overwrite)
