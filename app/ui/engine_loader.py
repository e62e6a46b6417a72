"""EngineLoader: loads engines in threads of its own; the last request wins; no Qt."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.engines import provider_problems
from app.latest import Latest
from app.priority import give_way
from export.backends.backend import Engine

LoadEngine = Callable[[Path | None, str, Callable[[str], None]], Engine]
"""Takes a file (None: Saccade's own), a provider's name, and whom to tell what takes long."""
JOIN_S = 5.0
"""How long closing waits for a load; what builds for minutes is left to the process's end."""


class _CancelledError(Exception):
    """Nobody wants this engine any more."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a request."""

    engine: Engine | None
    error: str = ""
    took_long: bool = False
    """Whether there was progress to tell."""


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    result: Latest[Loaded] = field(default_factory=Latest)
    progress: Latest[str] = field(default_factory=Latest)
    cancelled: threading.Event = field(default_factory=threading.Event)


class EngineLoader:
    """Asked and polled by one thread."""

    def __init__(self, load: LoadEngine) -> None:
        self._load = load
        self._wanted: _Request | None = None
        self._threads: dict[_Request, threading.Thread] = {}
        self.progress = ""
        """What the wanted load is doing, where that takes long."""
        self.problems: dict[str, str] = {}
        """Why providers cannot run here, by name; known once an engine was loaded."""

    @property
    def is_loading(self) -> bool:
        """Whether an engine is wanted that is not there yet."""
        return self._wanted is not None

    def request(self, path: Path | None, provider: str) -> None:
        """Load an engine; an earlier request is given up."""
        self.cancel()
        request = _Request()

        def load() -> None:
            request.result.put(self._loaded(request, path, provider))

        thread = threading.Thread(target=load, name="saccade-load-engine", daemon=True)
        self._wanted = request
        self._threads[request] = thread
        thread.start()

    def cancel(self) -> None:
        """Want no engine."""
        if self._wanted is not None:
            self._wanted.cancelled.set()
        self._wanted, self.progress = None, ""

    def take(self) -> Loaded | None:
        """Return what came of the last request, once; drop what came of those given up."""
        if self._wanted is not None:
            self.progress = self._wanted.progress.take() or self.progress
        wanted = None
        for request, thread in list(self._threads.items()):
            loaded = request.result.take()
            if loaded is None:
                continue
            thread.join()
            del self._threads[request]
            if request is self._wanted:
                wanted = loaded
                self._wanted, self.progress = None, ""
            elif loaded.engine is not None:
                loaded.engine.close()
        return wanted

    def shut_down(self) -> None:
        """Give up what is being loaded."""
        self.cancel()
        for thread in self._threads.values():
            thread.join(JOIN_S)
        self.take()

    def _loaded(self, request: _Request, path: Path | None, provider: str) -> Loaded:
        """Load in the request's thread."""
        give_way()  # as will the runtime's own threads
        lines: list[str] = []

        def tell(line: str) -> None:
            if request.cancelled.is_set():
                raise _CancelledError
            lines.append(line)
            request.progress.put(line)

        try:
            engine = self._load(path, provider, tell)
            self.problems = self.problems or provider_problems()
            return Loaded(engine, took_long=bool(lines))
        except Exception as error:  # the thread meets the window: shown there
            return Loaded(None, str(error) or type(error).__name__)
