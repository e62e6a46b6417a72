"""Inference: one engine on the windows of one sensor, each stage timed.

Of an engine that takes raw events, representation is what it takes to stage them for its device.
"""

from __future__ import annotations

import contextlib
import time

import numpy as np
import numpy.typing as npt

from app.scene import StageLatency
from events.packet import SensorSize, empty_packet
from events.representations.letterbox import Letterbox
from events.representations.sliding import SlidingGrid
from events.windows import Window
from export.backends.backend import Engine, EngineError, EventEngine
from models.decode import decode
from models.results import Prediction


class Inference:
    """Keeps what successive windows share: the letterbox and the sliding grid's ring."""

    def __init__(self, engine: Engine, sensor: SensorSize) -> None:
        card = engine.card
        self.engine = engine
        self.sensor = sensor
        self._letterbox = Letterbox(sensor, card.input_height, card.input_width)
        self._grid: SlidingGrid | None = None
        self._last_us = 0
        self._event_engine: EventEngine | None = None
        if isinstance(engine, EventEngine) and engine.is_fed_events:
            self._event_engine = engine
        self._warm_up()

    def infer(self, window: Window) -> tuple[Prediction, StageLatency]:
        """Return what the engine says of ``window``; the prediction's arrays are the caller's."""
        started_s = time.perf_counter()
        if self._event_engine:
            staged = self._event_engine.stage(window.packet)
            represented_s = time.perf_counter()
            outputs = self._event_engine.run_staged(staged)
        else:
            grid = self._represent(window)
            represented_s = time.perf_counter()
            outputs = self.engine.run(grid)
        inferred_s = time.perf_counter()
        prediction = decode(self.engine.card, outputs, self._letterbox)
        decoded_s = time.perf_counter()
        return prediction, StageLatency(
            represent_ms=1e3 * (represented_s - started_s),
            infer_ms=1e3 * (inferred_s - represented_s),
            decode_ms=1e3 * (decoded_s - inferred_s),
        )

    def _warm_up(self) -> None:
        """Load the compiled kernels now, so that the first window is as fast as the next."""
        card = self.engine.card
        quiet = empty_packet(self.sensor, 0, card.window_us)
        if self._event_engine:
            with contextlib.suppress(EngineError):  # the first window meets it again, and tells
                self._event_engine.run_events(quiet)
        else:
            self._represent(Window(0, quiet, False))
        shape = (card.input_height, card.input_width)
        self._letterbox.to_sensor_labels(np.zeros(shape, np.uint8))
        self._letterbox.to_sensor_image(np.zeros(shape, np.float32))
        self._grid = None

    def _represent(self, window: Window) -> npt.NDArray[np.float32]:
        """Return the network's input, through the ring while windows keep one length."""
        spec, duration_us = self.engine.card.spec, window.packet.duration_us
        # Windows of a number of events are each of another length: no ring for them.
        is_steady = duration_us == self._last_us
        if self._grid is None or (is_steady and duration_us != self._grid.window_us):
            self._grid = SlidingGrid(spec, self._letterbox, duration_us)
        self._last_us = duration_us
        return self._grid.grid(window.packet)
