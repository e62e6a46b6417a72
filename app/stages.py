"""Stages: the steps that make a scene of a window, each timed; each in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.counters import Counters
from app.fallback import Fallback
from app.inference import Inference, NetworkInput
from app.scene import Scene, StageLatency
from app.trace import NO_TRACE, Trace
from events.packet import SensorSize
from events.windows import Window
from export.backends.backend import DeviceLostError, Engine, EngineError, Outputs
from models.results import Prediction

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Job:
    """A window on its way to a scene, held by one thread at a time."""

    window: Window
    received_s: float
    """Monotonic second when its last events came."""
    inference: Inference | None = None
    """What runs the engine that was chosen when it was represented."""
    network_input: NetworkInput | None = None
    outputs: Outputs | None = None
    prediction: Prediction | None = None
    error: Exception | None = None
    """Why there is no prediction; the steps that follow are left out."""
    stage_ms: dict[str, float] = field(default_factory=dict)


class Stages:
    """Takes jobs a step further. Each method is for one thread, and takes jobs in their order.

    Args:
        choose_engine: Returns the engine that the next window shall use; None infers nothing.
        counters: Counts scenes and failures.
        fallback: Knows what runs in the place of an engine whose device is lost.
        is_strict: Whether a failure of the engine is raised, or counted and said once.
        report: Takes each message for the user.
        trace: Told of every step.
    """

    def __init__(
        self,
        choose_engine: Callable[[], Engine | None],
        counters: Counters,
        fallback: Fallback,
        *,
        is_strict: bool,
        report: Callable[[str], None],
        trace: Trace = NO_TRACE,
    ) -> None:
        self._choose_engine = choose_engine
        self._fallback = fallback
        self._counters = counters
        self._is_strict = is_strict
        self._report = report
        self._trace = trace
        self._inference: Inference | None = None
        self._representing = threading.Lock()
        """Held by who begins an inference, or represents: two threads do after a loss."""
        self._failing_engine: Engine | None = None

    def represent(self, job: Job) -> None:
        """Make the network's input."""
        job.inference = self._inference_for(job.window.packet.sensor)

        def step(inference: Inference) -> None:
            with self._representing:
                job.network_input = inference.represent(job.window)

        self._take(step, "represent", job)

    def infer(self, job: Job) -> None:
        """Run the engine; of one whose device is lost, the stand-in where no window may fail."""
        if job.inference is not None and self._fallback.is_lost(job.inference.engine):
            job.error = job.error or DeviceLostError("represented before the device was lost")

        def step(inference: Inference) -> None:
            assert job.network_input is not None
            job.outputs, job.network_input = inference.run(job.window, job.network_input), None

        self._take(step, "infer", job)
        if isinstance(job.error, DeviceLostError) and self._is_strict:
            self._infer_on_stand_in(job)

    def decode(self, job: Job) -> Scene:
        """Return what was seen and, where nothing failed, what the engine says of it."""

        def step(inference: Inference) -> None:
            assert job.outputs is not None
            job.prediction, job.outputs = inference.decode(job.outputs), None

        self._take(step, "decode", job)
        if job.error is not None and job.inference is not None:
            self._count_failure(job.inference.engine, job.error)
        scene = _scene(job)
        self._counters.count_scene(scene)
        return scene

    def _engine(self) -> Engine | None:
        """Return what runs the next window; waits for a stand-in where no window may fail."""
        if self._is_strict:
            self._fallback.join()
        return self._fallback.engine_for(self._choose_engine())

    def _infer_on_stand_in(self, job: Job) -> None:
        """Start over with what runs in the place of a lost engine."""
        inference = self._inference_for(job.window.packet.sensor)
        if inference is None:
            raise EngineError("neither the GPU nor the CPU runs the engine any more")
        job.inference, job.error = inference, None
        with self._representing:
            network_input = inference.represent(job.window)
        job.outputs = inference.run(job.window, network_input)

    def _inference_for(self, sensor: SensorSize) -> Inference | None:
        """Return what runs the engine that is chosen now on this sensor; one for all threads."""
        while (engine := self._engine()) is not None:
            try:
                with self._representing:
                    self._inference = _inference_on(engine, sensor, self._inference)
                    return self._inference
            except DeviceLostError as error:  # as it makes its memory there
                self._fallback.give_up(engine, error)
        return None

    def _take(self, step: Callable[[Inference], None], name: str, job: Job) -> None:
        """Take one step, timed, unless one before it failed or there is no engine."""
        if job.inference is None or job.error is not None:
            return
        started_s = time.perf_counter()
        try:
            with self._trace.span(name, job.window.index):
                step(job.inference)
        except DeviceLostError as error:
            self._fallback.give_up(job.inference.engine, error)
            job.error = error
        except Exception as error:
            if self._is_strict:
                raise
            job.error = error
        job.stage_ms[name] = 1e3 * (time.perf_counter() - started_s)

    def _count_failure(self, engine: Engine, error: Exception) -> None:
        """Count a failure of the engine, and say so the first time."""
        logger.debug("engine failed", exc_info=error)
        self._counters.num_engine_failures += 1
        if isinstance(error, DeviceLostError):
            return  # that was said already
        if self._failing_engine is not engine:
            self._failing_engine = engine
            self._report(f"engine {engine.card.name} failed: {error}")


def _inference_on(engine: Engine, sensor: SensorSize, current: Inference | None) -> Inference:
    """Return ``current`` if it runs ``engine`` on ``sensor``, else one that does."""
    if current is None or current.engine is not engine or current.sensor != sensor:
        return Inference(engine, sensor)
    return current


def _scene(job: Job) -> Scene:
    window, inference, stage_ms = job.window, job.inference, job.stage_ms
    return Scene(
        index=window.index,
        packet=window.packet,
        is_partial=window.is_partial,
        prediction=job.prediction,
        latency=StageLatency(
            represent_ms=stage_ms.get("represent", 0.0),
            infer_ms=stage_ms.get("infer", 0.0),
            decode_ms=stage_ms.get("decode", 0.0),
        ),
        age_ms=1e3 * (time.monotonic() - job.received_s),
        engine_name=inference.engine.card.title if inference else "",
        provider=inference.engine.provider if inference else "",
    )
