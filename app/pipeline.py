"""Pipeline: source -> windows -> engine -> scenes; the only one, for the window, `run` and `bench`.

Threads of its own: the reader takes packets from the source and keeps the surface current; one for
each stage represents, infers and decodes, so that three windows are under way at once; the caller
pulls scenes. Between them stand mailboxes of one. A live source goes on without us, so the newest
window replaces the one that waits, and is counted; a file waits for us.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from app.lifecycle import Lifecycle
from app.reader import ReaderControls, Recorder
from app.scene import PipelineState, Scene, Stats
from app.stream import POLL_S, Controls, Stream
from app.trace import NO_TRACE, Trace
from events.filters import Filter
from events.sources.source import Source
from events.surface import Surface
from events.windows import WindowConfig
from export.backends.backend import Engine

MAX_MESSAGES = 16
SPANS_US = 1_000, 1_000_000
"""Least and most that a number of events is taken to last, in a burst and in a quiet scene."""


class PipelineError(Exception):
    """The stream failed; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """How a pipeline treats its streams."""

    windows: WindowConfig = field(default_factory=WindowConfig)
    filters: tuple[Filter, ...] = ()
    keeps_every_scene: bool = False
    """Whether inference waits until a scene was taken, or replaces it by the next."""
    is_strict: bool = False
    """Whether a failure of the engine ends the stream, or is counted and shown."""
    stays_open: bool = False
    """Whether a seekable source stays open at its end, to be sought or played again."""


class Pipeline:
    """Runs one source at a time through one engine at a time.

    Steer it from one thread; ``state``, ``stats``, ``surface`` and ``take_scene`` are for any.
    As a context manager it starts on entry and stops on exit. Engines are the caller's, never
    closed here.

    Args:
        source: Opened by the reader's thread, so that ``start`` never blocks.
        engine: None shows events only.
        config: Defaults suit a window on a live stream.
        recorder: Called with every packet as received, before anything may drop it.
        trace: Told what every thread does.
    """

    def __init__(
        self,
        source: Source,
        engine: Engine | None = None,
        config: PipelineConfig | None = None,
        *,
        recorder: Recorder | None = None,
        trace: Trace = NO_TRACE,
    ) -> None:
        config = config or PipelineConfig()
        self._source = source
        self._controls = Controls(
            reader=ReaderControls(
                windows=config.windows, filters=config.filters, recorder=recorder
            ),
            engine=engine,
            keeps_every_scene=config.keeps_every_scene,
            is_strict=config.is_strict,
            stays_open=config.stays_open,
            trace=trace,
        )
        self._lifecycle = Lifecycle()
        self._stream: Stream | None = None
        self._is_started = False
        self._messages: deque[str] = deque(maxlen=MAX_MESSAGES)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def state(self) -> PipelineState:
        return self._lifecycle.state

    @property
    def source(self) -> Source:
        return self._source

    @property
    def engine(self) -> Engine | None:
        """The engine that the next window will use; None while a lost one's stand-in loads."""
        chosen = self._controls.engine
        return self._stream.fallback.engine_for(chosen) if self._stream else chosen

    @property
    def windows(self) -> WindowConfig:
        """The windows that the next packet will follow."""
        return self._controls.reader.windows

    @property
    def stride_us(self) -> int:
        """Distance of windows: where it is a number of events, as long as these take by now."""
        windows = self.windows
        return self._span_us(windows.stride_us, windows.stride_events or windows.length_events)

    def _span_us(self, duration_us: int | None, num_events: int | None) -> int:
        """Return a duration, or how long so many events take by now."""
        if duration_us is not None:
            return duration_us
        assert num_events is not None
        rate = self._stream.counters.filtered_rate if self._stream else 0.0
        least_us, most_us = SPANS_US
        return max(least_us, round(min(1e6 * num_events / max(rate, 1.0), most_us)))

    @property
    def is_recording(self) -> bool:
        """False again after a recorder failed."""
        return self._controls.reader.recorder is not None

    @property
    def surface(self) -> Surface | None:
        """The display's surface, current whether or not inference keeps up; None until open."""
        reader = self._stream.reader if self._stream else None
        return reader.surface if reader else None

    # Steering

    def start(self) -> None:
        """Open the source and run it; returns at once, ``state`` tells how it goes.

        Raises:
            RuntimeError: it was started already: ``stop`` it, or use ``replace_source``.
        """
        self._stream = Stream(self._source, self._controls, self._lifecycle, self._messages.append)
        self._is_started = True

    def stop(self, timeout_s: float = 2.0) -> tuple[str, ...]:
        """Stop and close the source; return names of threads that hang, said in a message too."""
        self._lifecycle.end()
        stream = self._stream
        if stream is None or not self._is_started:
            return ()
        self._is_started = False
        hanging = stream.stop(timeout_s)
        if hanging:
            self._messages.append(f"{', '.join(hanging)} did not stop within {timeout_s:g} s")
        return hanging

    def replace_source(self, source: Source) -> None:
        """Stop the stream that runs, if any, and start ``source``."""
        self.stop()
        self._source = source
        self.start()

    def pause(self) -> None:
        """Hold the stream; a live one goes on into the recorder, unseen."""
        if self._stream and self._move(PipelineState.RUNNING, PipelineState.PAUSED):
            source = self._stream.seekable
            if source:
                source.pause()

    def resume(self) -> None:
        """Play on; a recording at its end, from its start."""
        if self._stream is None:
            return
        source = self._stream.seekable
        if self._move(PipelineState.PAUSED, PipelineState.RUNNING):
            if source:
                source.resume()
        elif source and self.state is PipelineState.ENDED:
            source.seek(source.start_us)
            source.resume()
            self._stream.play_again()

    def seek(self, t_us: int) -> None:
        """Go to ``t_us`` within the timeline; while paused, show the window that ends there."""
        source = self._stream.seekable if self._stream else None
        if self._stream is None or source is None:
            return
        if self.state is PipelineState.PAUSED:
            windows = self.windows
            look_back_us = self._span_us(windows.length_us, windows.length_events)
            if windows.length_us is None:  # then a window may do with what there is before
                look_back_us = min(look_back_us, max(t_us - source.start_us, 0))
            source.seek(t_us - look_back_us, look_back_us)
        else:
            source.seek(t_us)
        self._stream.play_again()

    def step(self, duration_us: int) -> None:
        """While paused, show the next (negative: jump back by) ``duration_us``.

        At the end of a recording a step back pauses first.
        """
        source = self._stream.seekable if self._stream else None
        if source is None:
            return
        if duration_us < 0 and self._move(PipelineState.ENDED, PipelineState.PAUSED):
            source.pause()
        if self.state is not PipelineState.PAUSED:
            return
        if duration_us < 0:
            self.seek(source.status.clock_us + duration_us)
        else:
            source.step(duration_us)

    def _move(self, before: PipelineState, after: PipelineState) -> bool:
        """Move the stream that runs from one state to another; False if it is not there."""
        if self.state is not before:
            return False
        return self._lifecycle.move(self._lifecycle.generation, after)

    def set_engine(self, engine: Engine | None) -> None:
        """Use ``engine`` from the next window on."""
        self._controls.engine = engine

    def set_windows(self, windows: WindowConfig) -> None:
        """Cut windows like this from the next packet on; their index starts at 0 again."""
        self._controls.reader.windows = windows

    def set_filters(self, filters: tuple[Filter, ...]) -> None:
        """Filter from the next packet on."""
        self._controls.reader.filters = filters

    def set_recorder(self, recorder: Recorder | None) -> None:
        """Record from the next packet on; None ends it."""
        self._controls.reader.recorder = recorder

    # Results

    def take_scene(self, timeout_s: float = 0.0) -> Scene | None:
        """Return the newest scene once; None if there is no new one within ``timeout_s``."""
        return self._stream.scenes.take(timeout_s) if self._stream else None

    def take_message(self) -> str | None:
        """Return each message for the user once, oldest first; None if there is none."""
        return self._messages.popleft() if self._messages else None

    def scenes(self, until: threading.Event | None = None) -> Iterator[Scene]:
        """Yield scenes until the stream ends, or ``until`` is set.

        With ``keeps_every_scene`` these are all scenes.

        Raises:
            PipelineError: the stream failed.
        """
        while not (until and until.is_set()):
            state = self.state
            scene = self.take_scene(POLL_S)
            if scene is not None:
                yield scene
            elif state is PipelineState.FAILED:
                raise PipelineError(self._stream.failure if self._stream else "no stream")
            elif state in (PipelineState.ENDED, PipelineState.IDLE):
                return

    def stats(self) -> Stats:
        """Return the account of the stream that runs, or of the last one."""
        stream, engine = self._stream, self.engine
        engine_name = engine.card.title if engine else ""
        provider = engine.provider if engine else ""
        if stream is None:
            return Stats(state=self.state, engine_name=engine_name, provider=provider)
        status = stream.source.status
        return dataclasses.replace(
            stream.counters.stats(),
            state=self.state,
            num_dropped_windows=sum(mailbox.num_dropped for mailbox in stream.mailboxes),
            num_lost_events=status.num_lost,
            backlog_events=status.backlog_events,
            num_fallbacks=stream.fallback.num_lost,
            engine_name=engine_name,
            provider=provider,
            message=status.message,
        )
