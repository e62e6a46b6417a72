"""Stream: one start of one source and its threads; a later start shares nothing with it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from app.counters import Counters
from app.fallback import Fallback
from app.latest import Latest
from app.lifecycle import Lifecycle
from app.priority import give_way
from app.reader import Reader, ReaderControls
from app.scene import PipelineState, Scene
from app.stages import Job, Stages
from app.trace import NO_TRACE, Trace
from events.packet import EventPacket
from events.sources.source import Seekable, Source, SourceState
from events.windows import Window
from export.backends.backend import Engine

T = TypeVar("T")

logger = logging.getLogger(__name__)

POLL_S = 0.05
"""How often a waiting thread looks whether it should stop."""


@dataclass(slots=True, kw_only=True)
class Controls:
    """What may be exchanged while a stream runs, and what happens at its edges."""

    reader: ReaderControls = field(default_factory=ReaderControls)
    engine: Engine | None = None
    keeps_every_scene: bool = False
    is_strict: bool = False
    stays_open: bool = False
    trace: Trace = NO_TRACE


class End:
    """Follows the last window through every mailbox: the stream has ended."""


Mailbox = Latest[Job | End]


class Stream:
    """Reads ``source`` and makes scenes of its windows until its end, a failure or ``stop``.

    One thread reads and one serves each stage, so that windows overlap and the slowest stage alone
    says how many come through. Between them stand mailboxes of one, in the stream's order.

    Args:
        source: Opened and closed here, in the reader's thread.
        controls: Shared with whoever steers.
        lifecycle: Moved with this stream's generation only, so a late end or error changes nothing.
        report: Takes each message for the user, once.
    """

    def __init__(
        self,
        source: Source,
        controls: Controls,
        lifecycle: Lifecycle,
        report: Callable[[str], None],
    ) -> None:
        self.source = source
        self.counters = Counters()
        self.scenes: Latest[Scene] = Latest()
        self.mailboxes: tuple[Mailbox, ...] = (Latest(), Latest(), Latest())
        """Before each stage."""
        self.reader: Reader | None = None
        self.seekable: Seekable | None = None
        """The source, if it has a timeline; known once it is open."""
        self.failure = ""
        self.fallback = Fallback(report)
        self._controls = controls
        self._lifecycle = lifecycle
        self._report = report
        self._stopping = threading.Event()
        self._play_again = threading.Event()
        self._end_was_seen = threading.Event()
        self._generation = lifecycle.begin()
        self._trace = controls.trace
        self._stages = Stages(
            lambda: controls.engine,
            self.counters,
            self.fallback,
            is_strict=controls.is_strict,
            report=report,
            trace=controls.trace,
        )
        self._threads = [
            threading.Thread(
                target=self._guard, args=(part, body), name=f"saccade-{part}", daemon=True
            )
            for part, body in (
                ("reader", self._read),
                ("represent", partial(self._serve, 0, self._stages.represent)),
                ("inference", partial(self._serve, 1, self._stages.infer)),
                ("decode", self._finish),
            )
        ]
        for thread in self._threads:
            thread.start()

    def play_again(self) -> None:
        """Read on after the end; the source was sought or resumed."""
        self._play_again.set()

    def stop(self, timeout_s: float) -> tuple[str, ...]:
        """End all threads; return the names of those that still run after ``timeout_s``."""
        self._cease()
        deadline_s = time.monotonic() + timeout_s
        threads = [*self._threads, *filter(None, [self.fallback.thread])]
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline_s - time.monotonic()))
        return tuple(thread.name for thread in threads if thread.is_alive())

    def _cease(self) -> None:
        self._stopping.set()
        self._play_again.set()
        self.source.stop()

    def _move(self, state: PipelineState) -> bool:
        return self._lifecycle.move(self._generation, state)

    def _guard(self, part: str, body: Callable[[], None]) -> None:
        """Run a thread's body; an exception ends the stream and is shown once."""
        try:
            body()
        except Exception as error:
            logger.debug("%s failed", part, exc_info=True)
            self.failure = str(error) or type(error).__name__
            if self._move(PipelineState.FAILED):
                self._report(self.failure)
            self._cease()

    # Reader

    def _read(self) -> None:
        with self.source as source:
            if self._stopping.is_set():
                return
            self.reader = Reader(
                source.sensor, self._controls.reader, self.counters, self._emit, self._report
            )
            self.seekable = source if isinstance(source, Seekable) else None
            while not self._stopping.is_set():
                if self._lifecycle.state is not PipelineState.PAUSED:
                    self._move(PipelineState.RUNNING)
                self._read_to_end(source, self.reader)
                if not (self._controls.stays_open and self.seekable):
                    return
                self._wait_at_end(source)

    def _wait_at_end(self, source: Source) -> None:
        """Wait until the source was sought elsewhere; a seek before its end was no such thing."""
        while source.status.state is SourceState.ENDED and not self._stopping.is_set():
            self._play_again.wait()
            self._play_again.clear()

    def _read_to_end(self, source: Source, reader: Reader) -> None:
        packets = iter(source.packets())
        while (packet := self._next(packets)) is not None:
            if self._stopping.is_set():
                return
            is_held = self._lifecycle.state is PipelineState.PAUSED
            if is_held and not self.seekable:
                reader.record(packet)  # the view stands still, the recording goes on
            else:
                with self._trace.span("window"):
                    reader.take(packet, is_held=is_held)
            self._trace.counter("Mev/s", self.counters.event_rate / 1e6)
            self._trace.counter("backlog events", source.status.backlog_events)
        if not self._stopping.is_set():
            reader.finish()
            self._end_was_seen.clear()
            self._hand_over(End(), self.mailboxes[0])
            # Else a late end could stop what plays again.
            while not (self._stopping.is_set() or self._end_was_seen.wait(POLL_S)):
                pass

    def _next(self, packets: Iterator[EventPacket]) -> EventPacket | None:
        with self._trace.span("read"):
            return next(packets, None)

    def _emit(self, window: Window, received_s: float) -> None:
        self._pass_on(Job(window, received_s), self.mailboxes[0])

    def _pass_on(self, item: Job | End, mailbox: Mailbox) -> None:
        """Give an item to the next stage; what a live stream goes on without is replaced."""
        if self.source.is_live and isinstance(item, Job):
            replaced = mailbox.put(item)
            if isinstance(replaced, Job):
                self._trace.instant("dropped", replaced.window.index)
        else:
            self._hand_over(item, mailbox)

    def _hand_over(self, item: T, mailbox: Latest[T]) -> None:
        while not (self._stopping.is_set() or mailbox.offer(item, POLL_S)):
            pass

    # Stages

    def _serve(self, number: int, step: Callable[[Job], None]) -> None:
        """Take what comes into one mailbox a step further, into the next one."""
        give_way()
        for item in self._items(self.mailboxes[number]):
            if isinstance(item, Job):
                step(item)
            self._pass_on(item, self.mailboxes[number + 1])

    def _finish(self) -> None:
        give_way()
        for item in self._items(self.mailboxes[-1]):
            if isinstance(item, Job):
                self._publish(self._stages.decode(item))
            else:
                self._move(PipelineState.ENDED)
                self._end_was_seen.set()

    def _items(self, mailbox: Mailbox) -> Iterator[Job | End]:
        """Yield what comes until the stream is stopped."""
        while not self._stopping.is_set():
            item = mailbox.take(POLL_S)
            if item is not None:
                yield item

    def _publish(self, scene: Scene) -> None:
        if self._controls.keeps_every_scene:
            self._hand_over(scene, self.scenes)
        else:
            self.scenes.put(scene)
