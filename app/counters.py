"""Counters: what the pipeline's threads measure, as one Stats for whoever asks."""

from __future__ import annotations

from app.scene import STAGES, Scene, Stats
from app.timing import EventRate, QuantileWindow, WallRate
from events.packet import EventPacket


class Counters:
    """Numbers of one stream in fixed memory: each has one writing thread, any thread may read."""

    def __init__(self) -> None:
        # Written by the reader.
        self.clock_us = 0
        self.num_events = 0
        self.num_filtered = 0
        self.num_gathered = 0
        self._events_in = EventRate()
        self._events_kept = EventRate()
        self._windows_asked = WallRate()
        # Written by the last stage.
        self.num_windows = 0
        self.num_engine_failures = 0
        self._windows_done = WallRate()
        self._stages = {stage: QuantileWindow() for stage in STAGES}
        self._age = QuantileWindow()

    @property
    def event_rate(self) -> float:
        """Events per event second as received."""
        return self._events_in.per_second()

    @property
    def filtered_rate(self) -> float:
        """Events per event second after the filters."""
        return self._events_kept.per_second()

    def count_packet(self, received: EventPacket, kept: EventPacket) -> None:
        """Count one packet before and after the filters."""
        if received.start_us != self.clock_us:
            self._events_in.reset()
            self._events_kept.reset()
        self.clock_us = received.end_us
        self.num_events += len(received)
        self.num_filtered += len(received) - len(kept)
        self._events_in.add(len(received), received.duration_us)
        self._events_kept.add(len(kept), received.duration_us)

    def count_window_asked(self) -> None:
        """Count a window that the stream completed."""
        self._windows_asked.add()

    def count_scene(self, scene: Scene) -> None:
        """Count a window that became a scene."""
        self.num_windows += 1
        self._windows_done.add()
        self._age.add(scene.age_ms)
        if scene.prediction is not None:
            for stage, latency_ms in scene.latency.by_stage().items():
                self._stages[stage].add(latency_ms)

    def stats(self) -> Stats:
        """Return the numbers that are known here; the pipeline adds the rest."""
        return Stats(
            clock_us=self.clock_us,
            event_rate=self.event_rate,
            filtered_rate=self.filtered_rate,
            windows_asked_per_s=self._windows_asked.per_second(),
            windows_done_per_s=self._windows_done.per_second(),
            latency={stage: window.quantiles() for stage, window in self._stages.items()},
            age=self._age.quantiles(),
            num_events=self.num_events,
            num_filtered=self.num_filtered,
            num_gathered=self.num_gathered,
            num_windows=self.num_windows,
            num_engine_failures=self.num_engine_failures,
        )
