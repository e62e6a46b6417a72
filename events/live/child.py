"""The acquisition's child process: may hang in dv-processing, so that the program does not.

``python -m events.live.child FD`` takes one JSON line a connection from the socket FD and writes
reports to it (events.live.wire). It ends with its parent: on the socket's end of file, or, where it
hangs inside dv-processing with the GIL held, by an alarm that the kernel alone carries out.
"""

from __future__ import annotations

import contextlib
import json
import select
import signal
import socket
import sys
import time
from typing import Any

from events.live.acquisition import CLOSED
from events.live.dv_reader import DvReader, dv_processing, error_line
from events.live.open_device import open_device
from events.live.wire import ENDED, OPENED, READY, Outbox

HANG_LIMIT_S = 5.0
IDLE_S = 0.002
FLUSH_S = 0.01
"""Longest wait for a busy parent; the events to come wait in dv-processing's own thread."""
TELL_TIME_S = 0.008
"""How often the parent hears that there is nothing."""


def main() -> None:
    """Serve connections until the parent goes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    connection = socket.socket(fileno=int(sys.argv[1]))
    outbox = Outbox(connection)
    try:
        with contextlib.suppress(RuntimeError):  # said again when it is needed
            dv_processing()
        outbox.put(READY)
        while command := _next_command(connection, outbox):
            _serve(command, connection, outbox)
    except OSError:
        pass  # the parent has gone


def _next_command(connection: socket.socket, outbox: Outbox) -> dict[str, Any] | None:
    line = b""
    while not line.endswith(b"\n"):
        outbox.flush()
        select.select([connection], [] if outbox.is_empty else [connection], [])
        try:
            part = connection.recv(4096)
        except BlockingIOError:
            continue
        if not part:
            return None
        line += part
    command: dict[str, Any] = json.loads(line)
    return command


def _serve(command: dict[str, Any], connection: socket.socket, outbox: Outbox) -> None:
    """Connect to one address and pass its batches on until it ends or the parent goes.

    The alarm has no handler: the kernel ends a process that hangs with the GIL held.
    """
    try:
        signal.setitimer(signal.ITIMER_REAL, command["limit_s"])
        reader = DvReader(open_device(command["address"]))
    except Exception as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        outbox.put(ENDED, {"reason": error_line(error)})
        return
    size = reader.sensor
    outbox.put(OPENED, {"name": reader.name, "sensor": [size.width, size.height]})
    reason = _pass_on(reader, connection, outbox)
    signal.setitimer(signal.ITIMER_REAL, 0)
    outbox.put(ENDED, {"reason": reason})


def _pass_on(reader: DvReader, connection: socket.socket, outbox: Outbox) -> str:
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
            outbox.put_batch(batch)
            told_s = now_s
        outbox.flush(FLUSH_S)
        if not was_running and not len(batch.events):
            return CLOSED
        if connection in select.select([connection], [], [], 0)[0]:
            raise OSError("the parent has closed its end")  # it says nothing while it is served
        if not len(batch.events):
            select.select([connection], [] if outbox.is_empty else [connection], [], IDLE_S)


if __name__ == "__main__":
    main()
