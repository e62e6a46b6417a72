"""Lifecycle: the pipeline's explicit state machine, safe to move from any thread."""

from __future__ import annotations

import threading

from app.scene import PipelineState

IDLE, OPENING, RUNNING = PipelineState.IDLE, PipelineState.OPENING, PipelineState.RUNNING
PAUSED, ENDED, FAILED = PipelineState.PAUSED, PipelineState.ENDED, PipelineState.FAILED

LEGAL: dict[PipelineState, frozenset[PipelineState]] = {
    IDLE: frozenset({OPENING}),
    OPENING: frozenset({RUNNING, FAILED, IDLE}),
    RUNNING: frozenset({PAUSED, ENDED, FAILED, IDLE}),
    PAUSED: frozenset({RUNNING, ENDED, FAILED, IDLE}),
    ENDED: frozenset({RUNNING, PAUSED, FAILED, IDLE}),
    FAILED: frozenset({IDLE}),
}


class Lifecycle:
    """The state, and the generation of the run it belongs to.

    Each start begins a new generation. A move asked for by an older one, such as the late end or
    error of a source that was stopped, is refused: it cannot touch the source that plays now.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = IDLE
        self._generation = 0

    @property
    def state(self) -> PipelineState:
        return self._state

    @property
    def generation(self) -> int:
        """How often ``begin`` was called."""
        return self._generation

    def begin(self) -> int:
        """Move to OPENING and return the new generation.

        Raises:
            RuntimeError: a run is already under way.
        """
        with self._lock:
            if OPENING not in LEGAL[self._state]:
                raise RuntimeError(f"cannot start while {self._state.value}: stop first")
            self._generation += 1
            self._state = OPENING
            return self._generation

    def move(self, generation: int, state: PipelineState) -> bool:
        """Move to ``state``; False if that is not legal from here or ``generation`` is over."""
        with self._lock:
            if generation != self._generation or state not in LEGAL[self._state]:
                return False
            self._state = state
            return True

    def end(self) -> None:
        """Return to IDLE from anywhere; the generation is over."""
        with self._lock:
            self._generation += 1
            self._state = IDLE
