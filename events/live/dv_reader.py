"""The border to dv-processing's live inputs: cameras and network streams as checked batches."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from events.live.acquisition import CLOSED, Batch, Ended, Opened, Report, monotonic_us
from events.live.controls import Control, Value, controls, set_control
from events.packet import EVENT_DTYPE, EventArray, SensorSize, join_events

MAX_READ_S = 0.01
"""Every call of dv-processing holds the GIL: so long, then others get their turn."""
MAX_KEPT_EVENTS = 2_000_000
"""Of a longer backlog the newest so many are kept: a live picture must not fall behind."""
IDLE_S = 0.002


class DvReader:
    """One open input of dv-processing. It has no close: it ends with its last reference."""

    def __init__(self, device: Any) -> None:
        """Take an open ``dv_processing.io.InputBase``.

        Raises:
            RuntimeError: the input carries no events.
        """
        size = device.getEventResolution() if device.isEventStreamAvailable() else None
        if size is None:
            raise RuntimeError(
                "it carries no event stream (frames, IMU and triggers need their own port)"
            )
        self.device = device
        self.name = str(device.getCameraName())
        self.sensor = SensorSize(*size)

    @property
    def is_running(self) -> bool:
        return bool(self.device.isRunning())

    def read(self) -> Batch:
        """Return everything that has come since the last read, for 10 ms at most."""
        started_s = time.perf_counter()
        looked_us = monotonic_us()
        parts: list[EventArray] = []
        num_lost = 0
        while time.perf_counter() - started_s < MAX_READ_S:
            store = self.device.getNextEventBatch()
            if store is None:
                break
            if len(store):  # an empty store's numpy() and front() are traps
                events, dropped = check_events(store.numpy().view(EVENT_DTYPE), self.sensor)
                parts.append(events)
                num_lost += dropped
            looked_us = monotonic_us()
        events = join_events(parts)
        if len(parts) > 1 and not is_sorted(events):
            events = events[np.argsort(events["t"], kind="stable")]
        surplus = max(len(events) - MAX_KEPT_EVENTS, 0)
        return Batch(events=events[surplus:], looked_us=looked_us, num_lost=num_lost + surplus)


class DvAcquisition:
    """Reads an input of dv-processing in this process; for cameras, whose calls are short."""

    def __init__(self, open_device: Callable[[], Any]) -> None:
        """Remember how to open the device: a function that raises what dv-processing raises."""
        self._open_device = open_device
        self._reader: DvReader | None = None
        self._opening: list[Report] = []

    def connect(self) -> None:
        try:
            self._reader = DvReader(self._open_device())
        except (
            Exception
        ) as error:  # dv raises RuntimeError, IndexError and UnicodeDecodeError alike
            self._opening = [Ended(reason=error_line(error))]
            return
        self._opening = [Opened(name=self._reader.name, sensor=self._reader.sensor)]

    def poll(self, timeout_s: float) -> list[Report]:
        if self._opening:
            reports, self._opening = self._opening, []
            return reports
        deadline_s = time.monotonic() + timeout_s
        while self._reader:
            try:
                was_running = self._reader.is_running
                batch = self._reader.read()
            except Exception as error:
                self._reader = None
                return [Ended(reason=error_line(error))]
            if not was_running and not len(batch.events):
                self._reader = None
                return [batch, Ended(reason=CLOSED)]
            if len(batch.events) or batch.num_lost or time.monotonic() >= deadline_s:
                return [batch]
            time.sleep(IDLE_S)
        time.sleep(max(deadline_s - time.monotonic(), 0))
        return []

    def controls(self) -> list[Control]:
        reader = self._reader
        return controls(reader.device) if reader else []

    def set_control(self, name: str, value: Value) -> Control:
        reader = self._reader
        if reader is None:
            raise ValueError(f"{name} cannot be set: the camera is not open")
        return set_control(reader.device, name, value)

    def close(self) -> None:
        self._reader = None


def dv_processing() -> Any:
    """Return the module.

    Raises:
        RuntimeError: it is not installed, or a system library that it needs is not.
    """
    try:
        return importlib.import_module("dv_processing")
    except ImportError as error:
        cure = (
            "apt-get install libatomic1"
            if "libatomic" in str(error)
            else "pip install dv-processing"
        )
        raise RuntimeError(f"dv-processing does not load ({error}): {cure}") from None


def check_events(events: EventArray, sensor: SensorSize) -> tuple[EventArray, int]:
    """Return the events that lie inside the sensor, sorted by time, and how many do not."""
    is_inside = (events["x"] < sensor.width) & (events["y"] < sensor.height)
    num_outside = len(events) - int(np.count_nonzero(is_inside))
    if num_outside:
        events = events[is_inside]
    if not is_sorted(events):
        events = events[np.argsort(events["t"], kind="stable")]
    return events, num_outside


def is_sorted(events: EventArray) -> bool:
    """Return whether the timestamps never go back."""
    t = events["t"]
    return bool(np.all(t[1:] >= t[:-1]))


def error_line(error: BaseException) -> str:
    """Return the one line of an exception of dv-processing that tells something.

    Its messages are a C++ signature, the message and a stack trace, or a boost message and a place.
    """
    lines: Sequence[str] = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    line = lines[1] if "Stacktrace" in str(error) and len(lines) > 1 else lines[0]
    return line.split(" [system:")[0].removeprefix(f"{type(error).__name__}: ").strip()
