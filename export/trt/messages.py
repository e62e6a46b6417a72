"""What TensorRT says while it works: its messages kept for errors, its steps told as lines."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 2
"""Phases are told down to this one; those below are many and short."""


class Messages:
    """Keeps the last error and the last operator that TensorRT spoke of; prints nothing."""

    def __init__(self) -> None:
        self.last_error = "it gives no reason"
        self.last_operator = ""

    def logger(self, api: Any) -> Any:
        """Return a logger for TensorRT, which must live as long as what it was given to."""
        messages, worst_of_interest = self, int(api.ILogger.ERROR)

        class Logger(api.ILogger):  # type: ignore[misc]  # a base that is known only here
            def log(self, severity: Any, message: str) -> None:
                if int(severity) <= worst_of_interest:
                    messages.last_error = _told(message)
                elif parsing := re.match(r"Parsing node: .*\[(\w+)\]", message):
                    messages.last_operator = parsing[1]

        return Logger()


class ProgressLines:
    """Tells phases of a build as lines, and stops the build when it is told to.

    TensorRT calls it from threads of its own, where an exception would end the process: it is kept,
    and ends the build.
    """

    def __init__(self, progress: Callable[[str], None], stop: threading.Event) -> None:
        self.stop = stop
        self.error: BaseException | None = None
        self._progress = progress
        self._depths: dict[str, int] = {}

    def for_library(self, api: Any) -> Any:
        """Return TensorRT's own kind of monitor."""
        lines = self

        class Monitor(api.IProgressMonitor):  # type: ignore[misc]  # a base that is known only here
            def __init__(self) -> None:
                api.IProgressMonitor.__init__(self)

            def phase_start(
                self, phase_name: str, parent_phase: str | None, num_steps: int
            ) -> None:
                lines.started(phase_name, parent_phase)

            def phase_finish(self, phase_name: str) -> None:
                """A phase is told when it begins."""

            def step_complete(self, phase_name: str, step: int) -> bool:
                return not lines.stop.is_set()

        return Monitor()

    def started(self, phase: str, parent: str | None) -> None:
        """Tell of a phase that begins inside another."""
        depth = self._depths[phase] = self._depths.get(parent, -1) + 1 if parent else 0
        if depth > MAX_DEPTH or self.stop.is_set():
            return
        try:
            self._progress(phase[:1].lower() + phase[1:])
        except BaseException as error:
            self.error = error
            self.stop.set()


def _told(message: str) -> str:
    """Return what an error says to a user: CUDA's own words where they are in it."""
    cuda = re.search(r"cudaError \d+: [^)]*", message)
    return cuda[0] if cuda else message.strip().splitlines()[0][:300]
