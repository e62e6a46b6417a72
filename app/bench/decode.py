"""How fast recordings are decoded: ours and dv-processing, taking turns on the same file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from events.recordings.formats.aedat4 import Aedat4Recording
from events.recordings.open import open_recording

_ROUNDS = 7


def decode_rates(path: str | Path) -> dict[str, float]:
    """Return million events a second of processor time, of a file in the page cache, on one core.

    Both hand out the packets of the file as numpy arrays; ours are checked (order, bounds,
    polarity), which dv-processing's are not. Time spent waiting for a core does not count, and it
    is the best of several rounds in turn, so that both meet the same noise.

    Args:
        path: A recording with events.

    Returns:
        "saccade" and, where it is installed and the file is a whole AEDAT4, "dv-processing".
    """
    import numba  # noqa: F401  # loaded as in the running program: the compiled check is used

    readers: dict[str, Callable[[Path], int]] = {"saccade": _ours}
    try:
        import dv_processing  # noqa: F401

        with open_recording(path) as recording:
            if isinstance(recording, Aedat4Recording):
                readers["dv-processing"] = _dv_processing
    except ImportError:
        pass
    best = dict.fromkeys(readers, 0.0)
    for _ in range(_ROUNDS):
        for name, read in readers.items():
            started_s = time.process_time()
            num_events = read(Path(path))
            best[name] = max(best[name], num_events / (time.process_time() - started_s) / 1e6)
    return best


def _ours(path: Path) -> int:
    with open_recording(path) as recording:
        if isinstance(recording, Aedat4Recording):
            return sum(len(events) for events in recording.event_batches())
        return sum(len(packet) for packet in recording.packets())


def _dv_processing(path: Path) -> int:
    import dv_processing

    reader = dv_processing.io.MonoCameraRecording(str(path))
    num_events = 0
    while (batch := reader.getNextEventBatch()) is not None:
        num_events += len(batch.numpy())
    return num_events
