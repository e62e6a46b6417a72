"""`saccade export ENGINE --check`: parity of an engine that is there already, on any recording."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli import EXIT_FAILED, say
from app.interrupt import interrupt_flag, until

if TYPE_CHECKING:
    from events.sources.source import Source
    from export.backends.backend import Engine
    from models.card import ModelCard

NETWORK = (
    "spec", "tasks", "recognition_labels", "segmentation_labels", "encoder", "temporal", "heads",
)  # fmt: skip
"""What the cards of a model and of its engine share."""


def check(args: argparse.Namespace) -> int:
    """Compare an engine with its model, if it is given; 1 if it fails."""
    from app.engines import load_engine
    from events.sources.open import open_source

    source = open_source(args.recording, args.sensor)
    engine = load_engine(args.model, args.provider or "cpu", input_size=args.input_size)
    for note in engine.notes:
        say(note)
    if args.compare_with is None:
        failures = _alone(engine, source, args.windows)
        say(_figures_at_export(engine.card))
    else:
        failures = _against(args.compare_with, engine, source, args.windows)
    for failure in failures:
        say(f"FAILED: {failure}")
    if not failures:
        say(f"{args.model} passed on {args.recording}")
    return EXIT_FAILED if failures else 0


def _against(model: Path, engine: Engine, source: Source, num_windows: int | None) -> list[str]:
    from export.parity import Tolerance
    from export.proof import prove
    from models.model_file import load_model

    module, card = load_model(model)
    mismatch = _mismatch(card, engine.card)
    if mismatch:
        return [f"{model} is not the model of this engine: {mismatch}"]
    with interrupt_flag() as interrupted:
        report = prove(module, engine, source, num_windows, each=partial(until, interrupted))
    say(str(report))
    return report.failures(Tolerance.of(engine.card))


def _alone(engine: Engine, source: Source, num_windows: int | None) -> list[str]:
    from export.proof import windows_for
    from export.soundness import unsound

    with interrupt_flag() as interrupted:
        windows = until(interrupted, windows_for(engine.card, source, num_windows))
        num, failures = unsound(engine, windows)
    say(
        f"{num} windows on {engine.provider}: "
        f"{'; '.join(failures) or 'outputs are finite, in range, and the same when run again'}; "
        "to compare with the model, give --model M"
    )
    return failures


def _mismatch(model: ModelCard, engine: ModelCard) -> str:
    """Return in what the model of an engine must not differ from it but does; else empty."""
    for field in NETWORK:
        ours, theirs = getattr(model, field), getattr(engine, field)
        if ours != theirs:
            return f"{field} is {_short(ours)}, the engine's {_short(theirs)}"
    return ""


def _figures_at_export(card: ModelCard) -> str:
    if not card.parity:
        return "the engine does not say how far it was from its model when it was made"
    figures = {key: value for key, value in card.parity.items() if isinstance(value, float)}
    said = ", ".join(f"{key} {value:.4g}" for key, value in figures.items())
    return f"when it was made, on {card.parity.get('input')}: {said}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) < 60 else f"{text[:57]}..."
