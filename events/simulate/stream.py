"""SceneStream: the events of a synthetic scene over any span of time."""

from __future__ import annotations

import numpy as np

from events.packet import EVENT_DTYPE, EventArray, join_events
from events.simulate.contrast import ContrastConfig, ContrastSimulator
from events.simulate.scene import Scene

FRAME_INTERVAL_US = 10_000
"""Time between rendered frames; light changes linearly in between."""
NUM_WARM_UP = 3
"""Frames that are simulated before the first event asked for: the sensor forgets its start."""


class SceneStream:
    """Simulates on a fixed grid of frames, so that how spans are cut does not change the events.

    A span that does not start where the last one ended starts the sensor anew, a little earlier.
    """

    def __init__(self, scene: Scene, contrast: ContrastConfig, seed: int) -> None:
        self._scene = scene
        self._contrast = contrast
        self._seed = seed
        self._picture = np.empty((scene.sensor.height, scene.sensor.width), np.float32)
        self._end_us: int | None = None
        self._next_frame_us = 0
        self._pending: EventArray = np.empty(0, EVENT_DTYPE)

    def events_between(self, start_us: int, end_us: int) -> EventArray:
        """Return the (N,) events of [start_us, end_us), sorted by time."""
        if start_us != self._end_us:
            self._restart(start_us)
        parts = [self._pending]
        while self._next_frame_us < end_us:
            parts.append(self._step())
        events = join_events(parts)
        first, last = np.searchsorted(events["t"], (start_us, end_us))
        self._pending = events[last:]
        self._end_us = end_us
        return events[first:last]

    def _restart(self, start_us: int) -> None:
        self._simulator = ContrastSimulator(self._scene.sensor, self._contrast, self._seed)
        first_frame = start_us // FRAME_INTERVAL_US - NUM_WARM_UP
        self._next_frame_us = (first_frame - 1) * FRAME_INTERVAL_US
        self._pending = np.empty(0, EVENT_DTYPE)
        for _ in range(NUM_WARM_UP + 1):
            self._step()

    def _step(self) -> EventArray:
        """Simulate up to the next frame of the grid."""
        self._next_frame_us += FRAME_INTERVAL_US
        self._scene.render_intensity(self._next_frame_us, self._picture)
        return self._simulator.step(self._picture, self._next_frame_us)
