"""A camera for tests: a child process that serves events over TCP or a Unix socket.

As a program: ``python stand_in_camera.py tcp://127.0.0.1:7777 --rate 100000 --seconds 10``.
It says "ready" once it listens, and ends with its parent.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

BATCH_S = 0.01
PATTERNS = ("uniform", "counting", "outside", "quiet", "bursts", "frames")
"""uniform: random places. counting: event i at x = i % width, y = i // width % height, p = i % 2.
outside: random places up to twice the declared size. quiet: connected, no events.
bursts: 50 ms of events, 150 ms of none. frames: no stream of events, but one of frames."""


class StandInCamera:
    """The child process, seen from a test."""

    def __init__(self, address: str | None = None, **options: object) -> None:
        """Start serving.

        Args:
            address: "tcp://host:port", "unix:PATH", "unix" (a new socket) or None (a free port).
            options: The program's options: width, height, rate, seconds, pattern, start_us, name.
        """
        self._folder: str | None = None
        if address is None:
            address = f"tcp://127.0.0.1:{free_port()}"
        elif address == "unix":
            self._folder = tempfile.mkdtemp(prefix="camera")
            address = f"unix:{self._folder}/s"
        self.address = address
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start (again) at the same address; returns when it listens."""
        assert self._process is None
        flags = [f"--{key.replace('_', '-')}={value}" for key, value in self._options.items()]
        self._process = subprocess.Popen(
            [sys.executable, __file__, self.address, *flags], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.strip() == "ready", f"the stand-in camera said {line!r}"

    def freeze(self) -> None:
        """Stop it without closing its connections."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def unplug(self) -> None:
        """Kill the process, as if the cable were pulled; the address stays for another start."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def kill(self) -> None:
        """Unplug for good."""
        self.unplug()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def free_port() -> int:
    """Return a TCP port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def serve(args: argparse.Namespace) -> None:
    """Write batches, paced by the wall clock, until the time is over or the parent ends."""
    import dv_processing as dv

    kind = "Frame" if args.pattern == "frames" else "Event"
    declare = getattr(dv.io.Stream, f"{kind}Stream")
    stream = declare(0, "events", args.name, (args.width, args.height))
    if args.address.startswith("unix:"):
        path = Path(args.address.removeprefix("unix:"))
        path.unlink(missing_ok=True)  # a killed server leaves its socket behind
        writer = dv.io.NetworkWriter(str(path), stream)
    else:
        host, port = args.address.removeprefix("tcp://").rsplit(":", 1)
        writer = dv.io.NetworkWriter(host, int(port), stream)
    print("ready", flush=True)  # noqa: T201
    parent = os.getppid()
    while args.seconds is not None and not writer.getClientCount() and os.getppid() == parent:
        time.sleep(BATCH_S)  # a limited stream begins when there is somebody to see it
    first_us = args.start_us if args.start_us >= 0 else time.time_ns() // 1000
    started_s, num_sent, sent_us = time.monotonic(), 0, 0
    while os.getppid() == parent:
        elapsed_us = int((time.monotonic() - started_s) * 1e6)
        is_over = args.seconds is not None and elapsed_us >= args.seconds * 1e6
        if is_over:
            elapsed_us = int(args.seconds * 1e6)
        num_events = int(elapsed_us * 1e-6 * args.rate) - num_sent
        is_pause = args.pattern == "bursts" and elapsed_us % 200_000 >= 50_000
        is_silent = args.pattern in ("quiet", "frames")
        if not is_silent and not is_pause and num_events and elapsed_us > sent_us:
            batch = _batch(dv, args, first_us + sent_us, elapsed_us - sent_us, num_events, num_sent)
            writer.writeEvents(batch)
        num_sent, sent_us = num_sent + num_events, elapsed_us
        if is_over:
            break
        time.sleep(BATCH_S)
    time.sleep(0.05 if args.seconds is not None else 0)  # let the last batch leave
    os._exit(0)  # the writer's destructor waits for ever while a client is connected


def _batch(
    dv: Any, args: argparse.Namespace, start_us: int, duration_us: int, num: int, first: int
) -> Any:
    if args.pattern == "counting":
        store = dv.EventStore()
        for i in range(num):
            k = first + i
            t = start_us + i * duration_us // num
            store.push_back(t, k % args.width, k // args.width % args.height, bool(k % 2))
        return store
    scale = 2 if args.pattern == "outside" else 1
    size = (args.width * scale, args.height * scale)
    span = timedelta(microseconds=duration_us)
    return dv.data.generate.uniformEventsWithinTimeRange(start_us, span, size, num, first)


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="tcp://HOST:PORT or unix:PATH")
    parser.add_argument("--width", type=int, default=346)
    parser.add_argument("--height", type=int, default=260)
    parser.add_argument("--rate", type=float, default=100_000, help="events per second")
    parser.add_argument(
        "--seconds", type=float, default=None, help="end so long after the first client came"
    )
    parser.add_argument("--pattern", choices=PATTERNS, default="uniform")
    parser.add_argument("--start-us", type=int, default=-1, help="first timestamp; -1: now")
    parser.add_argument("--name", default="STANDIN_00000001", help="the camera's name")
    serve(parser.parse_args())


if __name__ == "__main__":
    main()
