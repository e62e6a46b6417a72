"""Fallback: the CPU goes on where the device of a stream's engine is lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from app.priority import give_way
from export.backends.backend import DeviceLostError, Engine

logger = logging.getLogger(__name__)


class Fallback:
    """Maps a stream's engine to the one that runs in its place.

    The CPU's is loaded in a thread of its own, so that events are shown meanwhile. A lost engine is
    never run again by this stream: to start it anew is the user's to ask for.

    Args:
        report: Takes each message for the user, once.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self.thread: threading.Thread | None = None
        """Loads; None before the first loss."""
        self._report = report
        self._stand_ins: dict[Engine, Engine | None] = {}
        """By lost engine; None while it loads, or where there is none."""
        self._is_settled = threading.Event()
        self._is_settled.set()

    @property
    def num_lost(self) -> int:
        """How many engines lost their device."""
        return len(self._stand_ins)

    def is_lost(self, engine: Engine) -> bool:
        """Return whether an engine was given up."""
        return engine in self._stand_ins

    def engine_for(self, chosen: Engine | None) -> Engine | None:
        """Return what to run for the engine that the user chose; None while that is loading."""
        while chosen is not None and chosen in self._stand_ins:
            chosen = self._stand_ins[chosen]
        return chosen

    def give_up(self, engine: Engine, error: DeviceLostError) -> None:
        """Take an engine for lost, say so, and load its stand-in; returns at once."""
        if engine in self._stand_ins:
            return
        logger.debug("device lost", exc_info=True)
        is_stand_in = engine in self._stand_ins.values()
        self._is_settled.clear()  # first: who sees the loss may wait at once
        self._stand_ins[engine] = None
        if is_stand_in:
            self._is_settled.set()
            self._report(f"{engine.provider} failed too ({error}): choose an engine to go on")
            return
        self._report(f"The GPU was lost ({error}): going on with the CPU")
        self.thread = threading.Thread(
            target=self._load, args=(engine,), name="saccade-fallback", daemon=True
        )
        self.thread.start()

    def join(self) -> None:
        """Wait until the stand-in is there, or failed to load."""
        self._is_settled.wait()

    def _load(self, engine: Engine) -> None:
        give_way()
        try:
            self._stand_ins[engine] = engine.on_cpu()
        except Exception as error:  # where a thread ends: all of it is for the user
            self._report(f"{engine.card.name} does not run on the CPU either: {error}")
        finally:
            self._is_settled.set()
