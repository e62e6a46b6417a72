"""An engine's family: its siblings of other input sizes and precisions, told by their names.

``cars.onnx`` and ``cars@192x144.onnx``, ``cars@192x144-int8.onnx`` beside it are one family, if
their cards say the same but for input size and precision. Who names a sibling gets just that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from export.backends.backend import EngineError
from export.onnx_card import read_card
from models.card import ModelCard

MARK = "@"


@dataclass(frozen=True, slots=True)
class Member:
    """One engine of a family."""

    path: Path
    card: ModelCard

    @property
    def size(self) -> tuple[int, int]:
        """Input width and height."""
        return self.card.input_width, self.card.input_height


def family(path: Path) -> list[Member]:
    """Return an engine and its siblings, largest inputs first; strangers are left out.

    Raises:
        EngineError: the engine itself cannot be honoured.
    """
    members = [Member(path, read_card(path))]
    if MARK not in path.stem:
        for sibling in sorted(path.parent.glob("*" + path.suffix)):
            if sibling.stem.startswith(path.stem + MARK):
                members += _sibling(sibling, members[0].card)
    return sorted(members, key=lambda member: -member.card.input_width * member.card.input_height)


def most_exact(members: Sequence[Member]) -> list[Member]:
    """Return those to choose from where nothing has to keep up: exact, with the largest input.

    Where none is exact, all of the largest.
    """
    exact = [member for member in members if member.card.precision == "fp32"] or members
    return [member for member in exact if member.size == exact[0].size]


def _sibling(path: Path, card: ModelCard) -> list[Member]:
    """Return the engine at ``path`` if it is the same network as the card's, else nothing."""
    try:
        found = read_card(path)
    except EngineError:
        return []
    return [Member(path, found)] if _identity(found) == _identity(card) else []


def _identity(card: ModelCard) -> ModelCard:
    """Return what all cards of one family share."""
    return replace(
        card, input_height=1, input_width=1, is_dynamic=False, precision="fp32", parity={},
        provenance={},
    )  # fmt: skip
