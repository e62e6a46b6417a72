"""Playback: where the play head of a finite stream goes next, and when; steered from any thread."""

from __future__ import annotations

import math
import threading
import time

from events.sources.source import SourceState, SourceStatus

PACKET_US = 10_000
"""Length of a packet, in wall time where the speed is below 1: 100 a second."""
LATE_LIMIT_S = 0.1
"""A reader of a file that is further behind than this is waited for, and not rushed after."""


class Playback:
    """What sources with a timeline share: all of Seekable but opening and reading.

    A source calls ``_open`` when its timeline is known and reads the spans of ``_next_span``. While
    paused, what seek and step ask for comes as one packet where the reader was not faster.

    Args:
        start_us: Where the timeline begins.
        end_us: One past its end.
        speed: Event seconds per wall second; ``math.inf`` is as fast as packets are consumed.
        is_looping: Whether the end is followed by the start.
        shows_step_back: Whether a step back yields the whole stretch up to where it goes, or only
            a packet from there on, because the stretch is dear to make again.
        late_limit_s: How far behind a reader may be before it is waited for; infinite where the
            stream goes on without it, as a camera's does.
    """

    def __init__(
        self,
        start_us: int = 0,
        end_us: int = 0,
        *,
        speed: float,
        is_looping: bool,
        shows_step_back: bool = True,
        late_limit_s: float = LATE_LIMIT_S,
    ) -> None:
        self._changed = threading.Condition()
        self._start_us, self._end_us = start_us, end_us
        self._is_looping = is_looping
        self._shows_step_back = shows_step_back
        self._late_limit_s = late_limit_s
        self._is_open = self._is_paused = self._is_stopped = self._is_at_end = False
        self._head_us = start_us
        self._step_from_us = self._show_until_us = start_us  # while paused
        self._anchor_s, self._anchor_us, self._num_packets = 0.0, start_us, 0
        self.set_speed(speed)

    def __exit__(self, *_: object) -> None:
        self.stop()

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
            state = SourceState.PAUSED if self._is_paused else SourceState.RUNNING
            if self._is_at_end or self._is_stopped:
                state = SourceState.ENDED
            elif not self._is_open:
                state = SourceState.OPENING
            return SourceStatus(state=state, clock_us=self._head_us)

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

    def seek(self, t_us: int, show_us: int = 0) -> None:
        """Go on at ``t_us``; see Seekable."""
        with self._changed:
            self._go_to(t_us, t_us if show_us == 0 else max(t_us, self._start_us) + show_us)

    def pause(self) -> None:
        with self._changed:
            if not self._is_paused:
                self._is_paused = True
                self._step_from_us = self._show_until_us = self._head_us
                self._changed.notify_all()

    def resume(self) -> None:
        """Play on; at the end of the timeline, from its start."""
        with self._changed:
            self._is_paused = False
            if self._head_us >= self._end_us:
                self._go_to(self._start_us, self._start_us)
            self._anchor()

    def step(self, duration_us: int) -> None:
        """While paused, yield the next (negative: jump back by) ``duration_us``; see Seekable."""
        with self._changed:
            if not self._is_paused:
                return
            to_us = self._within(self._step_from_us + duration_us)
            if duration_us < 0:
                self._go_to(to_us + duration_us if self._shows_step_back else to_us, to_us)
            else:
                self._step_from_us = self._show_until_us = to_us
                self._changed.notify_all()

    def stop(self) -> None:
        """End ``packets``, until the source is opened again."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _open(self, start_us: int, end_us: int) -> None:
        """Begin at the start of the timeline, not paused."""
        with self._changed:
            self._start_us, self._end_us = start_us, end_us
            self._is_open, self._is_stopped, self._is_paused = True, False, False
            self._go_to(start_us, start_us)

    def _current_end_us(self) -> int:
        """Return where the timeline ends by now; asked at its end."""
        return self._end_us

    def _next_span(self) -> tuple[int, int] | None:
        """Wait until a packet is due; return its span, or None at the end or once stopped."""
        with self._changed:
            while not self._is_stopped:
                wait_s = None
                if self._is_paused:
                    if self._show_until_us > self._head_us:
                        return self._advance(self._show_until_us)
                elif self._is_over():
                    self._is_at_end = True
                    return None
                else:
                    wait_s, end_us = self._next_packet()
                    if wait_s <= 0:
                        self._num_packets += 1
                        return self._advance(min(end_us, self._end_us))
                self._changed.wait(wait_s)
            return None

    def _skip(self, from_us: int, to_us: int) -> None:
        """Tell that the span up to ``from_us`` was read up to ``to_us``, as the stream jumps."""
        with self._changed:
            if self._head_us == from_us:  # else somebody went elsewhere meanwhile
                self._head_us = self._step_from_us = to_us
                self._anchor()

    def _is_over(self) -> bool:
        """Whether nothing follows the head; goes back to the start where that follows."""
        if self._head_us >= self._end_us:
            self._end_us = max(self._end_us, self._current_end_us())
        if self._head_us < self._end_us:
            return False
        if not self._is_looping or self._end_us <= self._start_us:
            return True
        self._go_to(self._start_us, self._start_us)
        return False

    def _next_packet(self) -> tuple[float, int]:
        """Return in how many seconds the next packet is due and where it ends."""
        if math.isinf(self._speed):
            return 0.0, self._head_us + PACKET_US
        packet_us = PACKET_US * min(self._speed, 1.0) * (self._num_packets + 1)
        wait_s = self._anchor_s + packet_us * 1e-6 / self._speed - time.monotonic()
        end_us = self._anchor_us + int(packet_us)
        if wait_s < -self._late_limit_s:
            self._anchor()
        return wait_s, end_us

    def _advance(self, end_us: int) -> tuple[int, int]:
        start_us, self._head_us = self._head_us, end_us
        return start_us, end_us

    def _go_to(self, t_us: int, step_from_us: int) -> None:
        """Go to ``t_us``; while paused, show what lies before ``step_from_us``, or a packet."""
        self._head_us = self._within(t_us)
        self._step_from_us = self._within(step_from_us)
        self._show_until_us = self._step_from_us
        if self._step_from_us <= self._head_us:
            self._show_until_us = self._within(self._head_us + PACKET_US)
        self._is_at_end = False
        self._anchor()

    def _within(self, t_us: int) -> int:
        return min(max(t_us, self._start_us), self._end_us)

    def _anchor(self) -> None:
        """Count wall time and packets from here and now, and wake who waits."""
        self._anchor_s, self._anchor_us = time.monotonic(), self._head_us
        self._num_packets = 0
        self._changed.notify_all()
