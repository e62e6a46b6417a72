"""The contract of published checkpoints: a file here reads one paper's weights into our encoders.

Such a file has ``TITLE``, ``ARXIV`` and ``read(path) -> (Perception, ModelCard)``: a bare encoder
with the weights, and a card that says how it must be fed: as its authors fed it. Where they fed it
each data set in its own way, ``SPECS`` names the representations.

Reading is strict. Every tensor of a checkpoint is used, or dropped for a reason that the card
repeats; a tensor that is missing, unknown or of another shape ends the reading in one line.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from events.representations.representation import Spec
from models.card import ModelCard
from models.encoders.encoder import EncoderConfig
from models.official.layout import Checkpoint, OfficialError, Source, fill, shortened
from models.perception import Perception, describe_encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published encoder and what it was trained on."""

    name: str
    paper: str
    """Title and arXiv id."""
    encoder: EncoderConfig
    spec: Spec
    height: int
    """Of the input."""
    width: int
    window_us: int = 50_000
    stride_us: int = 20_000
    notes: tuple[str, ...] = ()
    """What its users should know: what the card cannot say, and what the authors left open."""


def official_names() -> list[str]:
    """Return the names of all published encoders: the files of this folder that have a ``read``."""
    folder = str(Path(__file__).parent)
    names = sorted(module.name for module in pkgutil.iter_modules([folder]))
    return [name for name in names if hasattr(_module(name), "read")]


def read_official(name: str, path: Path) -> tuple[Perception, ModelCard]:
    """Read a published checkpoint.

    Args:
        name: One of ``official_names()``.
        path: The file as its authors gave it out.

    Raises:
        FileNotFoundError: there is no such file.
        OfficialError: the name is unknown, or the file is not such a checkpoint.
    """
    if name not in official_names():
        raise OfficialError(
            f"no published encoder {name!r}: choose from {', '.join(official_names())}"
        )
    model: tuple[Perception, ModelCard] = _module(name).read(path)
    return model


def spec_of(name: str, data_set: str) -> Spec:
    """Return the representation on which a published encoder was trained with one data set.

    Raises:
        OfficialError: its authors did not have that data set, or fed all of them alike.
    """
    specs: Mapping[str, Spec] = getattr(_module(name), "SPECS", {})
    if not specs:
        raise OfficialError(f"{name} is fed all data sets alike: leave the data set out")
    if data_set not in specs:
        raise OfficialError(
            f"{name} knows no data set {data_set!r}: choose from {', '.join(specs)}"
        )
    return specs[data_set]


def build_model(
    published: Published,
    checkpoint: Checkpoint,
    layout: Mapping[str, Source],
    dropped: Mapping[str, str],
) -> tuple[Perception, ModelCard]:
    """Return the published encoder with its weights, in eval mode, and its card.

    Args:
        published: What it is.
        checkpoint: Its file.
        layout: Where each parameter of our encoder, by its own name, is found.
        dropped: Why each tensor that the layout does not name is left out.

    Raises:
        OfficialError: a tensor is missing, unknown or of another shape.
    """
    dropped = {name: reason for name, reason in dropped.items() if name in checkpoint.tensors}
    card = ModelCard(
        name=published.name,
        spec=published.spec,
        window_us=published.window_us,
        stride_us=published.stride_us,
        input_height=published.height,
        input_width=published.width,
        tasks=(),
        encoder=describe_encoder(published.encoder),
        provenance={
            "paper": published.paper,
            "checkpoint": checkpoint.path.name,
            "sha256": _sha256(checkpoint.path),
            "notes": list(published.notes),
            "dropped": _by_reason(dropped),
        },
    )
    module = Perception(card)
    fill(module.encoder, checkpoint, layout, dropped)
    return module.eval(), card


def _by_reason(dropped: Mapping[str, str]) -> dict[str, Any]:
    """Return what was dropped as a card tells it: the names under each reason."""
    reasons: dict[str, list[str]] = {}
    for name, reason in sorted(dropped.items()):
        reasons.setdefault(reason, []).append(name)
    return {reason: shortened(names) for reason, names in reasons.items()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _module(name: str) -> Any:
    return importlib.import_module(f"models.official.{name}")
