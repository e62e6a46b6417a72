"""Ctrl-C as a flag: what is being written is completed before the program ends."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


@contextlib.contextmanager
def interrupt_flag() -> Iterator[threading.Event]:
    """Yield an Event that the first Ctrl-C sets; the second raises KeyboardInterrupt as usual."""
    interrupted = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    is_main = threading.current_thread() is threading.main_thread()
    if is_main:  # only there may Python handle signals
        signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield interrupted
    finally:
        if is_main:
            signal.signal(signal.SIGINT, before)


def until(interrupted: threading.Event, items: Iterable[T]) -> Iterator[T]:
    """Yield the items; raise KeyboardInterrupt at the next one after a Ctrl-C."""
    for item in items:
        if interrupted.is_set():
            raise KeyboardInterrupt
        yield item
