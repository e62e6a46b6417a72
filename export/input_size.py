"""The size at which an engine that takes any is run."""

from __future__ import annotations

from dataclasses import replace

from export.backends.backend import EngineError
from models.card import ModelCard

BATCH, HEIGHT, WIDTH = "batch", "height", "width"
"""Names of the axes that a dynamic graph leaves open."""


def open_axes(card: ModelCard) -> dict[str, int]:
    """Return the size of each open axis of a card's graph, for one grid at a time."""
    if not card.is_dynamic:
        return {}
    return {BATCH: 1, HEIGHT: card.input_height, WIDTH: card.input_width}


def resized(card: ModelCard, width: int, height: int) -> ModelCard:
    """Return the card of an engine that is run at another input size.

    Raises:
        EngineError: the engine has one size only, or not this one.
    """
    if (width, height) == (card.input_width, card.input_height):
        return card
    if not card.is_dynamic:
        raise EngineError(
            f"{card.name} takes {card.input_width}x{card.input_height} only, got "
            f"{width}x{height}: export it with --dynamic, or with --input-size {width}x{height}"
        )
    if width % card.size_multiple or height % card.size_multiple:
        raise EngineError(
            f"{card.name} takes multiples of {card.size_multiple} pixels, got {width}x{height}"
        )
    return replace(card, input_width=width, input_height=height)
