"""Inference: one engine on the windows of one sensor, in three steps that may overlap.

While a window runs, the next one may be represented and the last one decoded, each in a thread of
its own: what a step returns is the caller's, and no later call changes it. Of an engine that takes
raw events, representation is what it takes to stage them for its device.
"""

from __future__ import annotations

import contextlib

import numpy as np

from app.stream_memory import StreamMemory
from events.packet import SensorSize, empty_packet
from events.representations.letterbox import Letterbox
from events.representations.representation import Grid
from events.representations.sliding import SlidingGrid
from events.windows import Window
from export.backends.backend import Engine, EngineError, EventEngine, Outputs
from models.decode import decode
from models.results import Prediction

NetworkInput = Grid | object
"""(C, input_height, input_width), or what an EventEngine staged."""


class Inference:
    """Keeps what successive windows share: letterbox, sliding grid's ring, the stream's memory."""

    def __init__(self, engine: Engine, sensor: SensorSize) -> None:
        card = engine.card
        self.engine = engine
        self.sensor = sensor
        self._letterbox = Letterbox(sensor, card.input_height, card.input_width)
        self._grid: SlidingGrid | None = None
        self._last_us = 0
        self._stream = StreamMemory(engine)
        self._event_engine: EventEngine | None = None
        if isinstance(engine, EventEngine) and engine.is_fed_events:
            self._event_engine = engine
        self._warm_up()

    def infer(self, window: Window) -> Prediction:
        """Return what the engine says of ``window``: the three steps in a row."""
        return self.decode(self.run(window, self.represent(window)))

    def represent(self, window: Window) -> NetworkInput:
        """Return what the engine takes of a window."""
        if self._event_engine is not None:
            return self._event_engine.stage(window.packet)
        return self._sliding(window).grid(window.packet).copy()

    def run(self, window: Window, network_input: NetworkInput) -> Outputs:
        """Return the engine's raw outputs for a window, of what ``represent`` made of it."""
        memory, elapsed = self._stream.memory, self._stream.elapsed(window)
        if self._event_engine is not None:
            outputs = self._event_engine.run_staged(network_input, memory, elapsed=elapsed)
        else:
            assert isinstance(network_input, np.ndarray)
            outputs = self.engine.run(network_input, memory, elapsed=elapsed)
        self._stream.passed(window)
        return {task: array.copy() for task, array in outputs.items()}

    def decode(self, outputs: Outputs) -> Prediction:
        """Return what the outputs mean, at the sensor's resolution."""
        return decode(self.engine.card, outputs, self._letterbox)

    def _sliding(self, window: Window) -> SlidingGrid:
        """Return what makes grids, with a ring while windows keep one length."""
        duration_us = window.packet.duration_us
        # Windows of a number of events are each of another length: no ring for them.
        is_steady = duration_us == self._last_us
        if self._grid is None or (is_steady and duration_us != self._grid.window_us):
            self._grid = SlidingGrid(self.engine.card.spec, self._letterbox, duration_us)
        self._last_us = duration_us
        return self._grid

    def _warm_up(self) -> None:
        """Load the compiled kernels now, so that the first window is as fast as the next."""
        card = self.engine.card
        quiet = empty_packet(self.sensor, 0, card.window_us)
        if self._event_engine is not None:
            with contextlib.suppress(EngineError):  # the first window meets it again, and tells
                self._event_engine.run_events(quiet)
        else:
            self.represent(Window(0, quiet, False))
        shape = (card.input_height, card.input_width)
        self._letterbox.to_sensor_classes(np.zeros((1, *shape), np.float32))
        self._letterbox.to_sensor_image(np.zeros(shape, np.float32))
        self._grid = None
