"""Replay: a recording as a source, at any speed, with loop, seek, pause and step."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from events.packet import EventPacket, SensorSize
from events.recordings.cursor import SLICE_US, Cursor
from events.recordings.recording import Recording, RecordingError, open_recording
from events.sources.source import SourceError, SourceState, SourceStatus

TICK_S = 0.01
"""Wall time between packets: 100 a second."""
_MAX_LATE_S = 0.1


class ReplaySource:
    """A Seekable over a file. It waits for its consumer: nothing is dropped, however slow that is.

    ``packets`` ends once at the end of the file (when it does not loop); after ``seek`` or
    ``resume`` it may be called again. A file that is still being written is followed as far as it
    goes.

    Args:
        path: The recording.
        speed: Event seconds per wall second; ``math.inf`` for as fast as packets are consumed.
        loop: Whether to start again at the end.
    """

    def __init__(self, path: str | Path, speed: float = 1.0, loop: bool = False) -> None:
        _check_speed(speed)
        self._path = Path(path)
        self._speed, self._is_looping = speed, loop
        self._recording: Recording | None = None
        self._sensor: SensorSize | None = None
        self._camera = ""
        self._changed = threading.Condition()
        self._state = SourceState.OPENING
        self._start_us = self._end_us = self._clock_us = 0
        self._jump_us: int | None = None
        self._burst_us = 0
        self._is_stopped = self._is_repaced = self._is_preview = False
        self._num_lost, self._message = 0, ""

    @property
    def name(self) -> str:
        return self._path.name

    @property
    def recording(self) -> Recording:
        """The open file, for what a source does not say: its frames, its damage."""
        if self._recording is None:
            raise SourceError(f"{self._path} is not open: use the source in a with statement")
        return self._recording

    @property
    def sensor(self) -> SensorSize:
        return self.recording.sensor

    @property
    def is_live(self) -> bool:
        return False

    @property
    def start_us(self) -> int:
        return self._start_us

    @property
    def end_us(self) -> int:
        return self._end_us

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def is_looping(self) -> bool:
        return self._is_looping

    @property
    def status(self) -> SourceStatus:
        with self._changed:
            return SourceStatus(
                state=self._state,
                clock_us=self._clock_us,
                num_lost=self._num_lost,
                message=self._message,
            )

    def __enter__(self) -> Self:
        try:
            self._recording = open_recording(self._path)
            self._start_us, self._end_us = self._recording.start_us, self._recording.end_us
        except RecordingError as error:
            self._close()
            raise SourceError(str(error)) from None
        self._clock_us = self._start_us
        self._look_for_damage()
        self._state = SourceState.RUNNING
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._close()

    def stop(self) -> None:
        """End ``packets`` for good."""
        with self._changed:
            self._is_stopped = True
            self._state = SourceState.ENDED
            self._changed.notify_all()

    def seek(self, t_us: int) -> None:
        with self._changed:
            self._jump(t_us, SLICE_US)
            self._is_preview = True

    def set_speed(self, speed: float) -> None:
        _check_speed(speed)
        with self._changed:
            self._speed, self._is_repaced = speed, True
            self._changed.notify_all()

    def set_looping(self, is_looping: bool) -> None:
        with self._changed:
            self._is_looping = is_looping

    def pause(self) -> None:
        with self._changed:
            if self._state is SourceState.RUNNING:
                self._state = SourceState.PAUSED

    def resume(self) -> None:
        with self._changed:
            if self._is_stopped:
                return
            if self._target_us >= self._end_us:
                self._jump(self._start_us, 0)
            self._burst_us = 0
            self._state, self._is_repaced = SourceState.RUNNING, True
            self._changed.notify_all()

    def step(self, duration_us: int) -> None:
        """Yield the next ``duration_us``; if negative, the stretch that ends that much earlier."""
        with self._changed:
            if self._state is SourceState.RUNNING:
                self._state = SourceState.PAUSED
            if duration_us < 0:
                self._jump(self._target_us + 2 * duration_us, -duration_us)
                self._is_preview = False
            else:
                if self._is_preview:  # what was asked for shows more than the seek alone would
                    self._burst_us, self._is_preview = 0, False
                self._burst_us += min(duration_us, self._end_us - self._target_us)
                self._changed.notify_all()

    def packets(self) -> Iterator[EventPacket]:
        """Yield packets until the end or ``stop``; while paused, what seek and step ask for."""
        cursor = Cursor(self.recording, self._clock_us)
        pace = _Pace(self._clock_us)
        while True:
            stop_us = self._next_stop(cursor, pace)
            if stop_us is None:
                return
            try:
                packet = cursor.read(stop_us)
            except RecordingError as error:
                raise SourceError(str(error)) from None
            if packet.num_lost:
                self._look_for_damage()
            with self._changed:
                self._num_lost += packet.num_lost
                self._clock_us = packet.end_us
            if packet.end_us != stop_us:
                pace.restart(packet.end_us)  # the recording's clock jumped
            yield packet

    @property
    def _target_us(self) -> int:
        """Where the clock will be once what was asked for is done."""
        return (self._clock_us if self._jump_us is None else self._jump_us) + self._burst_us

    def _jump(self, t_us: int, burst_us: int) -> None:
        self._jump_us = min(max(t_us, self._start_us), self._end_us)
        is_paused = self._state is SourceState.PAUSED
        self._burst_us = min(burst_us, self._end_us - self._jump_us) if is_paused else 0
        if self._state is SourceState.ENDED and not self._is_stopped:
            self._state = SourceState.RUNNING
        self._changed.notify_all()

    def _next_stop(self, cursor: Cursor, pace: _Pace) -> int | None:
        """Wait until the next packet is due and return where it ends; None at the end."""
        with self._changed:
            while not self._is_stopped:
                if self._jump_us is not None:
                    self._clock_us, self._jump_us = self._jump_us, None
                    cursor.seek(self._clock_us)
                    pace.restart(self._clock_us)
                if self._is_repaced:
                    pace.restart(self._clock_us)
                    self._is_repaced = False
                if self._burst_us:
                    stop_us = self._clock_us + self._burst_us
                    self._burst_us, self._is_preview = 0, False
                    return stop_us
                if self._state is not SourceState.RUNNING:
                    if self._state is SourceState.ENDED:
                        return None
                    self._changed.wait()
                    continue
                if self._clock_us >= self._end_us and not self._has_grown():
                    if not self._is_looping or self._end_us <= self._start_us:
                        self._state = SourceState.ENDED
                        return None
                    self._jump_us = self._start_us
                    continue
                wait_s = pace.wait_s(self._speed)
                if wait_s <= 0:
                    return min(pace.stop_us(self._clock_us, self._speed), self._end_us)
                self._changed.wait(wait_s)
        return None

    def _has_grown(self) -> bool:
        self._look_for_damage()
        end_us = self.recording.end_us
        has_grown = end_us > self._end_us
        self._end_us = max(end_us, self._end_us)
        return has_grown

    def _look_for_damage(self) -> None:
        damage = self.recording.damage
        self._message = "" if damage.is_clean else f"damaged recording: {damage}"

    def _close(self) -> None:
        if self._recording is not None:
            self._recording.close()
            self._recording = None


class _Pace:
    """Tells when the next packet is due and where it ends."""

    def __init__(self, clock_us: int) -> None:
        self.restart(clock_us)

    def restart(self, clock_us: int) -> None:
        """Count from here and now."""
        self._anchor_us, self._anchor_s = clock_us, time.monotonic()
        self._last_s = self._anchor_s

    def wait_s(self, speed: float) -> float:
        """Return how long to wait for the next packet."""
        if speed == math.inf:
            return 0.0
        return self._last_s + TICK_S - time.monotonic()

    def stop_us(self, clock_us: int, speed: float) -> int:
        """Return where the packet ends that is due now."""
        if speed == math.inf:
            return clock_us + SLICE_US
        now_s = time.monotonic()
        if (
            now_s - self._last_s > _MAX_LATE_S
        ):  # a slow consumer: the file waits, nothing to catch up
            self._anchor_us, self._anchor_s = clock_us, now_s - TICK_S
        self._last_s = now_s
        return max(clock_us, self._anchor_us + int((now_s - self._anchor_s) * speed * 1e6))


def _check_speed(speed: float) -> None:
    if not speed > 0:
        raise ValueError(f"speed must be positive, got {speed}")
