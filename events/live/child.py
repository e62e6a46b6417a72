"""The acquisition's child process: may hang in dv-processing, so that the program does not.

``python -m events.live.child SOCKET RING`` takes lines of JSON from the socket of that file
descriptor, an address a connection and questions meanwhile, and writes reports to it and events to
the ring of the other one (events.live.wire). It ends with its parent: on the socket's end of file,
or, where it hangs inside dv-processing with the GIL held, by an alarm that the kernel alone carries
out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from events.live.acquisition import CLOSED
from events.live.controls import controls, set_control
from events.live.dv_reader import DvReader, dv_processing, error_line
from events.live.open_device import open_device
from events.live.ring import EventRing
from events.live.wire import ANSWER, ENDED, OPENED, READY, Outbox

HANG_LIMIT_S = 5.0
IDLE_S = 0.002
TELL_TIME_S = 0.008
"""How often the parent hears that there is nothing."""

Line = dict[str, Any]


def main(open_address: Callable[[str], Any] = open_device) -> None:
    """Serve connections until the parent goes.

    Args:
        open_address: Makes an open ``dv_processing.io.InputBase`` of an address.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    parent = Parent(*(int(argument) for argument in sys.argv[1:]))
    try:
        with contextlib.suppress(RuntimeError):  # said again when it is needed
            dv_processing()
        parent.outbox.put(READY)
        while True:
            line = parent.ask(None)
            if line is not None and "address" in line:
                _serve(line, parent, open_address)
    except OSError:
        pass  # the parent has gone


class Parent:
    """The other end of socket and ring."""

    def __init__(self, connection: int, memory: int) -> None:
        """Take over both file descriptors."""
        self._connection = socket.socket(fileno=connection)
        self.outbox = Outbox(self._connection, EventRing(memory))
        os.close(memory)
        self._received = b""

    def ask(self, timeout_s: float | None) -> Line | None:
        """Return the parent's next line; None if none came within ``timeout_s`` (None: ever).

        Reports that wait for room leave meanwhile.

        Raises:
            OSError: the parent has closed its end.
        """
        while b"\n" not in self._received:
            self.outbox.flush()
            wait_s = timeout_s if self.outbox.is_empty else min(timeout_s or IDLE_S, IDLE_S)
            if not select.select([self._connection], [], [], wait_s)[0]:
                if timeout_s is not None:
                    return None
                continue
            part = self._connection.recv(4096)
            if not part:
                raise OSError("the parent has closed its end")
            self._received += part
        text, _, self._received = self._received.partition(b"\n")
        line: Line = json.loads(text)
        return line


def _serve(line: Line, parent: Parent, open_address: Callable[[str], Any]) -> None:
    """Connect to one address and pass its batches on until it ends or the parent goes.

    The alarm has no handler: the kernel ends a process that hangs with the GIL held.
    """
    try:
        signal.setitimer(signal.ITIMER_REAL, line["limit_s"])
        device = open_address(line["address"])
        reader = DvReader(device)
        settings = [dataclasses.asdict(control) for control in controls(device)]
    except Exception as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        parent.outbox.put(ENDED, {"reason": error_line(error)})
        return
    size = [reader.sensor.width, reader.sensor.height]
    parent.outbox.put(OPENED, {"name": reader.name, "sensor": size, "controls": settings})
    reason = _pass_on(device, reader, parent)
    signal.setitimer(signal.ITIMER_REAL, 0)
    parent.outbox.put(ENDED, {"reason": reason})


def _pass_on(device: Any, reader: DvReader, parent: Parent) -> str:
    """Return why the stream ended."""
    told_s = 0.0
    while True:
        signal.setitimer(signal.ITIMER_REAL, HANG_LIMIT_S)
        was_running = reader.is_running
        try:
            batch = reader.read()
        except Exception as error:
            return error_line(error)
        now_s = time.monotonic()
        if len(batch.events) or batch.num_lost or now_s - told_s > TELL_TIME_S:
            parent.outbox.put_batch(batch)
            told_s = now_s
        if not was_running and not len(batch.events):
            return CLOSED
        if line := parent.ask(0 if len(batch.events) else IDLE_S):
            parent.outbox.put(ANSWER, _answer(device, line))


def _answer(device: Any, line: Line) -> Line:
    """Set what the parent asks to be set; say what it is then, or why it is not."""
    value = tuple(line["value"]) if isinstance(line["value"], list) else line["value"]
    try:
        control = dataclasses.asdict(set_control(device, line["name"], value))
    except Exception as error:  # dv-processing's own are of many classes
        return {"number": line["number"], "control": None, "error": error_line(error)}
    return {"number": line["number"], "control": control, "error": ""}


if __name__ == "__main__":
    main()
