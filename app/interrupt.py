"""Ctrl-C and SIGTERM as a flag: what is being written is completed before the program ends."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def interrupt_flag() -> Iterator[threading.Event]:
    """Yield an Event that the first signal sets; the second one acts as it did before."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only there Python handles them
        yield interrupted
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def on_signal(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        restore()

    for number in SIGNALS:
        signal.signal(number, on_signal)
    try:
        yield interrupted
    finally:
        restore()
