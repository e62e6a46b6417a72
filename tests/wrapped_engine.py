"""A real engine inside another object, for tests that hold it up or make it fail."""

from __future__ import annotations

import threading

import numpy as np

from export.backends.backend import Engine, Memory, Outputs
from models.card import ModelCard


class WrappedEngine:
    """Passes everything on to ``engine``; subclasses say what comes before a run."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def card(self) -> ModelCard:
        return self._engine.card

    @property
    def provider(self) -> str:
        return self._engine.provider

    @property
    def notes(self) -> tuple[str, ...]:
        return self._engine.notes

    def before_run(self) -> None:
        """Called in the thread that runs the engine."""

    def new_memory(self) -> Memory | None:
        return self._engine.new_memory()

    def run(
        self, grid: np.ndarray, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        self.before_run()
        return self._engine.run(grid, memory, elapsed=elapsed)

    def on_cpu(self) -> Engine:
        return self._engine.on_cpu()

    def close(self) -> None:
        """The engine inside is the test's."""


class HeldEngine(WrappedEngine):
    """A real engine that waits inside ``run`` until it is let go."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.entered, self.gate = threading.Event(), threading.Event()
        self.threads: set[str] = set()
        self.has_given_up = False
        """Whether somebody waited for it instead of letting it go."""

    def before_run(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.entered.set()
        if not self.gate.wait(10):
            self.has_given_up = True
            raise TimeoutError("nobody let it go")

    def close(self) -> None:
        self.gate.set()
