"""StreamMemory: what an engine still remembers when a window comes, and how long ago it was."""

from __future__ import annotations

from dataclasses import dataclass

from events.windows import Window
from export.backends.backend import Engine, Memory


@dataclass(frozen=True, slots=True)
class _Passed:
    """The last window that was inferred."""

    index: int
    segment: int
    end_us: int


class StreamMemory:
    """Owns the memory of one stream's windows, and forgets where they do not follow one another.

    A stream begins anew where it jumps (a seek, a loop, a camera's clock that was set), where
    windows are counted anew (another source, another length) and where too long a time has passed
    since the window before. Windows that were dropped in between are time that elapsed; those of
    a number of events may end in one microsecond. Another source, sensor or engine has an Inference
    of its own, and with it another memory.
    """

    def __init__(self, engine: Engine) -> None:
        self.memory: Memory | None = engine.new_memory()
        """None where the engine does not stream."""
        self._stride_us = engine.card.stride_us
        self._max_gap_us = engine.card.max_gap_us
        self._last: _Passed | None = None

    def elapsed(self, window: Window) -> float:
        """Return the strides since the window before, at least 1; forget first if they part."""
        if self.memory is None or self._last is None:
            return 1.0
        gap_us = window.packet.end_us - self._last.end_us
        if not self._follows(window, self._last, gap_us):
            self.memory.forget()
            return 1.0
        return float(max(1, round(gap_us / self._stride_us)))

    def passed(self, window: Window) -> None:
        """Tell that ``window`` was inferred; one that failed leaves the memory as it was."""
        self._last = _Passed(window.index, window.segment, window.packet.end_us)

    def _follows(self, window: Window, last: _Passed, gap_us: int) -> bool:
        return (
            window.segment == last.segment
            and window.index > last.index
            and 0 <= gap_us <= self._max_gap_us
        )
