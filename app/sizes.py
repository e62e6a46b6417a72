"""Sizes on the command line: width x height."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from app.cli import UserError

if TYPE_CHECKING:
    from models.card import ModelCard


def width_and_height(text: str) -> tuple[int, int]:
    """Read width and height of "640x480".

    Raises:
        argparse.ArgumentTypeError: it is no such text, or one of them is 0.
    """
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"a size is WIDTHxHEIGHT, such as 640x480, got {text!r}")
    return int(width), int(height)


def check_input_size(card: ModelCard, cell: int) -> None:
    """Refuse an input size that is not whole cells of the encoder's coarsest map.

    Raises:
        UserError: it is not.
    """
    if card.input_width % cell or card.input_height % cell:
        raise UserError(
            f"--input-size must be multiples of {cell} pixels for {card.name}, got "
            f"{card.input_width}x{card.input_height}"
        )
