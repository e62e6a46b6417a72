"""Stream: one start of one source and its two threads; a later start shares nothing with it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.counters import Counters
from app.fallback import Fallback
from app.inference import Inference
from app.latest import Latest
from app.lifecycle import Lifecycle
from app.reader import Reader, ReaderControls
from app.scene import PipelineState, Scene, StageLatency
from events.packet import SensorSize
from events.sources.source import Seekable, Source
from events.windows import Window
from export.backends.backend import DeviceLostError, Engine, EngineError

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


@dataclass(frozen=True, slots=True)
class Job:
    """A window on its way to inference; without one, the stream has ended."""

    window: Window | None
    received_s: float


class Stream:
    """Reads ``source`` in one thread and infers in another until its end, a failure or ``stop``.

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
        self.jobs: Latest[Job] = Latest()
        self.reader: Reader | None = None
        self.seekable: Seekable | None = None
        """The source, if it has a timeline; known once it is open."""
        self.failure = ""
        self.fallback = Fallback(report)
        self._controls = controls
        self._lifecycle = lifecycle
        self._report = report
        self._failing_engine: Engine | None = None
        self._stopping = threading.Event()
        self._play_again = threading.Event()
        self._end_was_seen = threading.Event()
        self._generation = lifecycle.begin()
        self._threads = [
            threading.Thread(
                target=self._guard, args=(part, body), name=f"saccade-{part}", daemon=True
            )
            for part, body in (("reader", self._read), ("inference", self._infer))
        ]
        for thread in self._threads:
            thread.start()

    def play_again(self) -> None:
        """Read on after the end; the source was sought or resumed."""
        self._play_again.set()

    def stop(self, timeout_s: float) -> tuple[str, ...]:
        """End both threads; return the names of those that still run after ``timeout_s``."""
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
                self._move(PipelineState.RUNNING)
                self._play_again.clear()
                self._read_to_end(source, self.reader)
                if not (self._controls.stays_open and self.seekable):
                    return
                self._play_again.wait()

    def _read_to_end(self, source: Source, reader: Reader) -> None:
        for packet in source.packets():
            if self._stopping.is_set():
                return
            if self._lifecycle.state is PipelineState.PAUSED and not self.seekable:
                reader.record(packet)  # the view stands still, the recording goes on
            else:
                reader.take(packet)
        if not self._stopping.is_set():
            reader.finish()
            self._end_was_seen.clear()
            self._hand_over(Job(None, time.monotonic()))
            # Else a late end could stop what plays again.
            while not (self._stopping.is_set() or self._end_was_seen.wait(POLL_S)):
                pass

    def _emit(self, window: Window, received_s: float) -> None:
        job = Job(window, received_s)
        if self.source.is_live:
            self.jobs.put(job)
        else:
            self._hand_over(job)

    def _hand_over(self, job: Job) -> None:
        while not (self._stopping.is_set() or self.jobs.offer(job, POLL_S)):
            pass

    # Inference

    def _infer(self) -> None:
        inference: Inference | None = None
        while not self._stopping.is_set():
            job = self.jobs.take(POLL_S)
            if job is None:
                continue
            if job.window is None:
                self._move(PipelineState.ENDED)
                self._end_was_seen.set()
                continue
            inference = self._inference_for(job.window.packet.sensor, inference)
            scene = self._scene(job.window, job.received_s, inference)
            self.counters.count_scene(scene)
            self._publish(scene)

    def _inference_for(self, sensor: SensorSize, current: Inference | None) -> Inference | None:
        """Return what runs the engine that is chosen now on this sensor."""
        engine = self.fallback.engine_for(self._controls.engine)
        if engine is None:
            return None
        if current is not None and current.engine is engine and current.sensor == sensor:
            return current
        return Inference(engine, sensor)

    def _scene(self, window: Window, received_s: float, inference: Inference | None) -> Scene:
        prediction, latency = None, StageLatency()
        if inference is not None:
            try:
                prediction, latency = inference.infer(window)
            except DeviceLostError as error:
                self.fallback.give_up(inference.engine, error)
                if self._controls.is_strict:
                    return self._scene_on_stand_in(window, received_s)
                self.counters.num_engine_failures += 1
            except Exception as error:
                self._count_failure(inference.engine, error)
        return Scene(
            index=window.index,
            packet=window.packet,
            is_partial=window.is_partial,
            prediction=prediction,
            latency=latency,
            age_ms=1e3 * (time.monotonic() - received_s),
            engine_name=inference.engine.card.name if inference else "",
            provider=inference.engine.provider if inference else "",
        )

    def _scene_on_stand_in(self, window: Window, received_s: float) -> Scene:
        """Wait for the stand-in of a lost engine and infer again: no window may fail."""
        self.fallback.join()
        inference = self._inference_for(window.packet.sensor, None)
        if inference is None:
            raise EngineError("neither the GPU nor the CPU runs the engine any more")
        return self._scene(window, received_s, inference)

    def _count_failure(self, engine: Engine, error: Exception) -> None:
        """Count a failure of the engine, and say so the first time."""
        if self._controls.is_strict:
            raise error
        logger.debug("engine failed", exc_info=True)
        self.counters.num_engine_failures += 1
        if self._failing_engine is not engine:
            self._failing_engine = engine
            self._report(f"engine {engine.card.name} failed: {error}")

    def _publish(self, scene: Scene) -> None:
        if not self._controls.keeps_every_scene:
            self.scenes.put(scene)
            return
        while not (self._stopping.is_set() or self.scenes.offer(scene, POLL_S)):
            pass
