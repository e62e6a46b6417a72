"""Playback: where the play head of a finite stream goes next, and when; steered from any thread."""

from __future__ import annotations

import math
import threading
import time

from events.sources.source import SourceState

PACKET_US = 10_000
"""Wall time that a packet covers: 100 a second."""
LATE_LIMIT_S = 0.1
"""A reader further behind than this is waited for, and not rushed after."""


class Playback:
    """Paces the spans of packets in wall time, and does as seek, pause, step and loop say.

    While paused, ``seek`` lets one packet through, and ``step`` counts from where ``seek`` went.

    Args:
        start_us: Where the timeline begins.
        end_us: One past its end.
        speed: Event seconds per wall second; ``math.inf`` is as fast as packets are consumed.
        is_looping: Whether the end is followed by the start.
    """

    def __init__(self, start_us: int, end_us: int, *, speed: float, is_looping: bool) -> None:
        self.start_us = start_us
        self.end_us = end_us
        self._changed = threading.Condition()
        self._is_looping = is_looping
        self._is_paused = self._is_stopped = self._is_at_end = False
        self._head_us = self._mark_us = start_us
        self._let_through_us: int | None = None
        self._anchor_s, self._anchor_us = 0.0, start_us
        self.set_speed(speed)

    @property
    def clock_us(self) -> int:
        """Event time up to which spans were handed out."""
        return self._head_us

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def is_looping(self) -> bool:
        return self._is_looping

    @property
    def state(self) -> SourceState:
        """RUNNING, PAUSED or ENDED."""
        if self._is_at_end or self._is_stopped:
            return SourceState.ENDED
        return SourceState.PAUSED if self._is_paused else SourceState.RUNNING

    def set_speed(self, speed: float) -> None:
        """Set the speed; ValueError unless it is positive."""
        if not speed > 0:
            raise ValueError(f"speed must be positive, got {speed}; pause() holds the stream")
        with self._changed:
            self._speed = speed
            self._anchor()

    def set_looping(self, is_looping: bool) -> None:
        with self._changed:
            self._is_looping = is_looping

    def seek(self, t_us: int) -> None:
        """Go on at ``t_us``, clamped to the timeline."""
        with self._changed:
            self._go_to(min(max(t_us, self.start_us), self.end_us))
            if self._is_paused:
                self._let_through_us = min(self._head_us + PACKET_US, self.end_us)

    def pause(self) -> None:
        with self._changed:
            self._is_paused = True
            self._mark_us = self._head_us
            self._let_through_us = None
            self._changed.notify_all()

    def resume(self) -> None:
        """Play on; at the end of the timeline, from its start."""
        with self._changed:
            self._is_paused = False
            self._let_through_us = None
            if self._head_us >= self.end_us:
                self._go_to(self.start_us)
            self._anchor()

    def step(self, duration_us: int) -> None:
        """While paused, let the next ``duration_us`` through, or jump back by a negative one."""
        if duration_us < 0:
            self.seek(self._mark_us + duration_us)
            return
        with self._changed:
            if self._is_paused:
                self._mark_us = min(self._mark_us + duration_us, self.end_us)
                self._let_through_us = self._mark_us
                self._changed.notify_all()

    def reopen(self) -> None:
        """Start over after ``stop``: at the start, not paused."""
        with self._changed:
            self._is_stopped = self._is_paused = False
            self._let_through_us = None
            self._go_to(self.start_us)

    def stop(self) -> None:
        """Let ``next_span`` return None from now on."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def next_span(self) -> tuple[int, int] | None:
        """Wait until a packet is due; return its span, or None at the end or once stopped."""
        with self._changed:
            while not self._is_stopped:
                if self._is_paused:
                    limit_us, wait_s = self._let_through_us, None
                    if limit_us is not None and limit_us > self._head_us:
                        return self._advance(min(limit_us, self._head_us + PACKET_US))
                else:
                    if self._head_us >= self.end_us:
                        if not self._is_looping:
                            self._is_at_end = True
                            return None
                        self._go_to(self.start_us)
                    end_us = min(self._head_us + self._packet_us(), self.end_us)
                    wait_s = self._due_in_s(end_us)
                    if wait_s <= 0:
                        return self._advance(end_us)
                self._changed.wait(wait_s)
            return None

    def _packet_us(self) -> int:
        return max(round(PACKET_US * min(self._speed, 1.0)), 1)

    def _due_in_s(self, t_us: int) -> float:
        if math.isinf(self._speed):
            return 0.0
        due_s = self._anchor_s + (t_us - self._anchor_us) * 1e-6 / self._speed
        wait_s = due_s - time.monotonic()
        if wait_s < -LATE_LIMIT_S:
            self._anchor()
        return wait_s

    def _advance(self, end_us: int) -> tuple[int, int]:
        start_us, self._head_us = self._head_us, end_us
        return start_us, end_us

    def _go_to(self, t_us: int) -> None:
        self._head_us = self._mark_us = t_us
        self._is_at_end = False
        self._anchor()

    def _anchor(self) -> None:
        """Count wall time from here and now, and wake who waits."""
        self._anchor_s, self._anchor_us = time.monotonic(), self._head_us
        self._changed.notify_all()
