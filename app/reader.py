"""Reader: one source's packets on their way to windows - recorder, filters, surface, windows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.counters import Counters
from events.filters import Filter
from events.packet import EventPacket, SensorSize
from events.surface import Surface
from events.windows import Window, WindowConfig, Windower

Recorder = Callable[[EventPacket], None]


@dataclass(slots=True, kw_only=True)
class ReaderControls:
    """What may be exchanged while the stream runs: assign a field, the next packet follows it."""

    windows: WindowConfig = field(default_factory=WindowConfig)
    filters: tuple[Filter, ...] = ()
    recorder: Recorder | None = None
    """Called with every packet before anything may drop or filter it."""


class Reader:
    """Takes packets in the order of the stream; runs in one thread.

    Args:
        sensor: Of the opened source.
        controls: Shared with whoever steers.
        counters: Counts what passes.
        emit: Takes each window and the monotonic second when its last events came.
        report: Takes one line when the recorder failed; the stream goes on without it.
    """

    def __init__(
        self,
        sensor: SensorSize,
        controls: ReaderControls,
        counters: Counters,
        emit: Callable[[Window, float], None],
        report: Callable[[str], None],
    ) -> None:
        self._controls = controls
        self._counters = counters
        self._emit = emit
        self._report = report
        self.surface = Surface(sensor)
        self._config = self._controls.windows
        self._windower = Windower(self._config)

    def take(self, packet: EventPacket, *, is_held: bool = False) -> None:
        """Pass one packet through all stages.

        Args:
            packet: The stream's next.
            is_held: Whether the stream stands still, so that only the newest window is looked at.
        """
        received_s = time.monotonic()
        self.record(packet)
        if packet.sensor != self.surface.sensor:  # filters and windows notice it themselves
            self.surface = Surface(packet.sensor)
        if self._config != self._controls.windows:
            self._config = self._controls.windows
            self._windower = Windower(self._config)
        kept = packet
        for step in self._controls.filters:
            kept = step.apply(kept)
        self._counters.count_packet(packet, kept)
        self.surface.add(kept)
        windows = self._windower.push(kept)
        self._emit_all(self._windower.newest(windows) if is_held else windows, received_s)
        self._counters.num_gathered = self._windower.num_gathered

    def record(self, packet: EventPacket) -> None:
        """Pass one packet to the recorder only."""
        recorder = self._controls.recorder
        if recorder is None:
            return
        try:
            recorder(packet)
        except Exception as error:  # a full disk must not end the view
            if self._controls.recorder is recorder:  # else it was ended meanwhile
                self._controls.recorder = None
                self._report(f"recording stopped: {error}")

    def finish(self) -> None:
        """Emit the last, partial window: the stream has ended."""
        self._emit_all(self._windower.finish(), time.monotonic())
        self._windower = Windower(self._config)

    def _emit_all(self, windows: Sequence[Window], received_s: float) -> None:
        for window in windows:
            self._counters.count_window_asked()
            self._emit(window, received_s)
