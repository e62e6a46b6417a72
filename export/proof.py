"""Proof: an engine and its model over the same windows, whatever the engine takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from events.packet import EventPacket
from events.sources.source import Source
from export.backends.backend import Engine
from export.backends.eager import EagerEngine
from export.parity import Grid, ParityReport, compare_engines
from export.stream_parity import compare_stream
from export.stretch import grids_of, packets_of
from models.card import ModelCard
from models.perception import Perception

NUM_WINDOWS, NUM_STREAMED = 32, 200
"""Windows to compare on where nothing else is said; of a stream, whose errors may add up, more."""

Windows = Iterable[Grid | EventPacket]


def prove(
    module: Perception,
    engine: Engine,
    source: Source,
    num_windows: int | None = None,
    *,
    each: Callable[[Windows], Iterator[Grid | EventPacket]] = iter,
) -> ParityReport:
    """Return how far an engine is from the network that it was made of.

    Args:
        module: In eval mode, on the CPU.
        engine: Its card says whether it takes grids or raw events, and whether it remembers.
        source: Opened and closed here.
        num_windows: At least 1; None is NUM_WINDOWS, of a stream NUM_STREAMED.
        each: Hands the windows on; may stop.

    Raises:
        ValueError: the source has no windows.
    """
    windows = each(windows_for(engine.card, source, num_windows))
    if engine.card.is_streaming:
        return compare_stream(module, engine, windows)
    return compare_engines(EagerEngine(module, engine.card), engine, windows)


def windows_for(card: ModelCard, source: Source, num_windows: int | None = None) -> Windows:
    """Return windows as an engine of ``card`` takes them; see ``prove``."""
    num_windows = num_windows or (NUM_STREAMED if card.is_streaming else NUM_WINDOWS)
    take = packets_of if card.input == "events" else grids_of
    return take(source, card, num_windows)
