"""Sizes on the command line: width x height."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from app.cli import UserError
from events.packet import SensorSize

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


def sensor_size(text: str) -> SensorSize:
    """Read a sensor's size.

    Raises:
        argparse.ArgumentTypeError: it is no size, or larger than any sensor.
    """
    try:
        return SensorSize(*width_and_height(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_sensor_argument(parser: argparse.ArgumentParser) -> None:
    """Add --sensor, for the recordings that do not say it."""
    parser.add_argument(
        "--sensor", metavar="WxH", type=sensor_size,
        help="the sensor's size, of a recording that does not say it; default: guessed",
    )  # fmt: skip


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
