"""The contract of every source of events: cameras, networks, recordings, synthetic scenes."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from events.packet import EventPacket, SensorSize


class SourceError(Exception):
    """A source cannot be opened or has ended badly; the message says what and how to cure it."""


class SourceState(enum.Enum):
    """Where a source stands. RECONNECTING sources still yield (empty) packets."""

    OPENING = "opening"
    RUNNING = "running"
    PAUSED = "paused"
    RECONNECTING = "reconnecting"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """A source's own account of itself, safe to ask for from any thread."""

    state: SourceState
    clock_us: int
    """Event time up to which packets were yielded."""
    backlog_events: int = 0
    """Events received but not yet yielded."""
    num_lost: int = 0
    """Events lost since opening: by the driver, by an overflow, or in damaged packets."""
    message: str = ""
    """One line for the user, such as "reconnecting in 2 s"; empty when all is well."""


@runtime_checkable
class Source(Protocol):
    """A context manager that yields touching packets at least 60 times a second of wall time.

    Opening happens in ``__enter__`` and raises SourceError; nothing is opened in ``__init__``.
    ``packets`` yields empty packets in a quiet scene, because time is data. A packet that does not
    start where the last one ended says that the stream jumped. ``stop`` may be called from any
    thread and ends ``packets`` within 0.2 s.
    """

    @property
    def name(self) -> str:
        """What the window's title shows: a camera's model and serial, or a file's name."""
        ...

    @property
    def sensor(self) -> SensorSize:
        """Known once the source is open."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether the stream goes on without us (drop the oldest) or waits for us (never drop)."""
        ...

    @property
    def status(self) -> SourceStatus: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def packets(self) -> Iterator[EventPacket]: ...

    def stop(self) -> None: ...


@runtime_checkable
class Seekable(Source, Protocol):
    """A source with a timeline: a recording, or a synthetic scene. All calls are thread-safe."""

    @property
    def start_us(self) -> int: ...

    @property
    def end_us(self) -> int: ...

    @property
    def speed(self) -> float:
        """Event seconds per wall second; ``math.inf`` is as fast as packets are consumed."""
        ...

    @property
    def is_looping(self) -> bool: ...

    def seek(self, t_us: int, show_us: int = 0) -> None:
        """Go on at ``t_us``, clamped to the timeline.

        While paused, ``show_us`` from there on are yielded, and the next step goes on after them;
        without any, one packet is yielded for a glimpse, and the next step counts from ``t_us``.
        """
        ...

    def set_speed(self, speed: float) -> None:
        """Set the speed; ValueError unless it is positive."""
        ...

    def set_looping(self, is_looping: bool) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None:
        """Play on; at the end of the timeline, from its start."""
        ...

    def step(self, duration_us: int) -> None:
        """While paused, yield the next (negative: jump back by) ``duration_us`` and stay paused."""
        ...
