"""Trace: what each thread does when, for Perfetto (ui.perfetto.dev) or chrome://tracing.

Format: the Trace Event Format of Chrome, JSON object form; times in microseconds.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

CAPACITY = 200_000
"""Records, of some 200 bytes in memory: the last half an hour of a live stream."""
PROCESS_ID = 1
SPAN, INSTANT, COUNTER = "X", "i", "C"


class Trace:
    """Spans, instants and counters of all threads; of more than ``capacity`` the newest are kept.

    Any thread may record. Without capacity nothing is kept, and hardly any time is spent.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._records: deque[tuple[str, str, str, float, float, int | None]] = deque(
            maxlen=capacity
        )
        """Phase, name, thread, start in s, duration in s or a counter's value, window."""
        self._num_recorded = 0

    @contextlib.contextmanager
    def span(self, name: str, window: int | None = None) -> Iterator[None]:
        """Record how long the body takes in this thread, also where it raises."""
        started_s = time.perf_counter()
        try:
            yield
        finally:
            self._record(SPAN, name, started_s, time.perf_counter() - started_s, window)

    def instant(self, name: str, window: int | None = None) -> None:
        """Record that something happens now in this thread."""
        self._record(INSTANT, name, time.perf_counter(), 0.0, window)

    def counter(self, name: str, value: float) -> None:
        """Record a value that is drawn as a curve."""
        self._record(COUNTER, name, time.perf_counter(), value, None)

    def _record(
        self, phase: str, name: str, start_s: float, value: float, window: int | None
    ) -> None:
        if self._records.maxlen:
            thread = threading.current_thread().name
            self._records.append((phase, name, thread, start_s, value, window))
            self._num_recorded += 1

    def write(self, path: Path) -> None:
        """Write what was recorded: one track for each thread's name, in order of appearance."""
        records = sorted(self._records, key=lambda record: record[3])
        first_s = records[0][3] if records else 0.0
        tracks: dict[str, int] = {}
        events: list[dict[str, object]] = []
        for phase, name, thread, start_s, value, window in records:
            event: dict[str, object] = {
                "ph": phase,
                "name": name,
                "pid": PROCESS_ID,
                "tid": tracks.setdefault(thread, len(tracks) + 1),
                "ts": round(1e6 * (start_s - first_s), 3),
                "args": {} if window is None else {"window": window},
            }
            if phase == SPAN:
                event["dur"] = round(1e6 * value, 3)
            elif phase == INSTANT:
                event["s"] = "t"  # across its thread's track only
            else:
                event["args"] = {name: value}
            events.append(event)
        document = {
            "traceEvents": [*_names(tracks), *events],
            "otherData": {"forgotten": self._num_recorded - len(self._records)},
        }
        path.write_text(json.dumps(document), encoding="utf-8")


NO_TRACE = Trace(capacity=0)


@contextlib.contextmanager
def tracing(path: Path | None) -> Iterator[Trace]:
    """Yield a trace that is written to ``path`` in the end, also where the body fails.

    Without a path it records nothing.
    """
    trace = Trace() if path else NO_TRACE
    try:
        yield trace
    finally:
        if path:
            trace.write(path)


def _names(tracks: dict[str, int]) -> Iterator[dict[str, object]]:
    """Yield the records that give tracks their names and order."""
    for thread, track in tracks.items():
        for name, value in (
            ("thread_name", {"name": thread}),
            ("thread_sort_index", {"sort_index": track}),
        ):
            yield {"ph": "M", "name": name, "pid": PROCESS_ID, "tid": track, "args": value}
