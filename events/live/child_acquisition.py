"""ChildAcquisition: reads a device in a child process, under a watchdog."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from events.live.acquisition import Batch, Ended, Opened, Report
from events.live.controls import Control, Value
from events.live.ring import EventRing, make_memory
from events.live.wire import Answer, Inbox, Ready

PROGRAM = "events.live.child"

START_LIMIT_S = 20.0
"""For Python and its libraries to load, on a machine that is busy."""
SILENCE_LIMIT_S = 3.0
"""A child that serves tells the time every few milliseconds; one that does not hangs."""
MAX_REPORTS = 64
MAX_EVENTS = 150_000
"""In what one ``poll`` returns, but for its last batch: the system is slow to give the memory of
large arrays, and one who has fallen behind would fall behind the more."""
CLOSE_LIMIT_S = 0.3
ANSWER_LIMIT_S = 1.0
"""For a camera to take a setting; the window waits so long at most."""


class ChildAcquisition:
    """Reads an address of events.live.open_device; survives whatever dv-processing does with it."""

    def __init__(
        self, address: str, *, connect_limit_s: float = 2.0, program: str = PROGRAM
    ) -> None:
        """Remember the address.

        Args:
            address: "tcp://HOST:PORT", "unix:PATH", "camera" or "camera:SERIAL".
            connect_limit_s: How long the other side may take to answer like dv-processing.
            program: The child's module, which calls ``events.live.child.main``.
        """
        self._program = program
        self._address = address
        self._connect_limit_s = connect_limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._inbox: Inbox | None = None
        self._deadline_s = 0.0
        self._is_ready = self._is_connecting = False
        self._controls: dict[str, Control] = {}
        self._asking = threading.Lock()
        self._num_asked = 0
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._process.pid if self._process else None

    def connect(self) -> None:
        self._is_connecting = True
        if self._process is None:
            self._start()
        elif self._is_ready:
            self._send_address()

    def poll(self, timeout_s: float) -> list[Report]:
        if self._inbox is None or self._connection is None:
            time.sleep(timeout_s)
            return []
        reports: list[Report] = []
        num_events = 0
        select.select([self._connection], [], [], timeout_s)
        try:
            while (
                len(reports) < MAX_REPORTS
                and num_events < MAX_EVENTS
                and (report := self._inbox.receive())
            ):
                if isinstance(report, Ready):
                    self._is_ready = True
                    self._send_address()
                    continue
                if isinstance(report, Answer):
                    self._answers.put(report)
                    continue
                if isinstance(report, Batch):
                    num_events += len(report.events)
                if isinstance(report, Opened):
                    self._controls = {control.name: control for control in report.controls}
                reports.append(report)
        except EOFError:
            return [*reports, Ended(reason=self._bury())]
        if reports:
            self._is_connecting = False
            self._deadline_s = time.monotonic() + SILENCE_LIMIT_S
            if isinstance(reports[-1], Ended):
                self._deadline_s = float("inf")
                self._controls = {}
        elif time.monotonic() > self._deadline_s:
            self._kill()
            return [Ended(reason=self._bury())]
        return reports

    def controls(self) -> list[Control]:
        return list(self._controls.values())

    def set_control(self, name: str, value: Value) -> Control:
        with self._asking:
            self._num_asked += 1
            question = {"number": self._num_asked, "name": name, "value": value}
            if not self._controls or not self._send(question):
                raise ValueError(f"{name} cannot be set: the camera is not open")
            answer = self._answer(self._num_asked)
            if answer is None:
                raise ValueError(
                    f"{name}: the camera did not answer within {ANSWER_LIMIT_S:g} s: try again"
                )
            if answer.control is None:
                raise ValueError(answer.error)
            self._controls = {**self._controls, name: answer.control}
            return answer.control

    def _answer(self, number: int) -> Answer | None:
        """Wait for the answer to that question, which ``poll`` finds in another thread."""
        with contextlib.suppress(queue.Empty):
            while True:
                answer = self._answers.get(timeout=ANSWER_LIMIT_S)
                if answer.number == number:  # else to one that was given up
                    return answer
        return None

    def close(self) -> None:
        self._controls = {}
        if self._connection:
            self._connection.close()
        if self._process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                # One that connects may hang; one that serves lets go of its device first.
                self._process.wait(0 if self._is_connecting else CLOSE_LIMIT_S)
            self._kill()
            self._process.wait()
        self._process = self._connection = self._inbox = None
        self._is_ready = self._is_connecting = False

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        memory = make_memory()
        given = (theirs.fileno(), memory)
        with theirs:
            # Not multiprocessing: its spawn imports the caller's main module again. -P: no module
            # of the current folder. A session of its own: the terminal's signals are the parent's.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", self._program, *map(str, given)],
                pass_fds=given,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )
        self._connection, self._inbox = ours, Inbox(ours, EventRing(memory))
        os.close(memory)
        self._deadline_s = time.monotonic() + START_LIMIT_S

    def _send_address(self) -> None:
        self._send({"address": self._address, "limit_s": self._connect_limit_s})
        self._deadline_s = time.monotonic() + self._connect_limit_s + SILENCE_LIMIT_S

    def _send(self, line: dict[str, object]) -> bool:
        """Send a line; False where the child is gone, which the next receive will tell."""
        connection = self._connection
        if connection is None:
            return False
        try:
            connection.sendall(json.dumps(line).encode() + b"\n")
        except OSError:
            return False
        return True

    def _kill(self) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def _bury(self) -> str:
        """Clear away a child that has ended, and say in words why it did."""
        assert self._process is not None
        was_connecting, was_ready = self._is_connecting, self._is_ready
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(CLOSE_LIMIT_S)
        code = self._process.poll()
        self.close()
        if not was_ready:
            return "the acquisition process could not start"
        if was_connecting and code in (-signal.SIGALRM, -signal.SIGKILL):
            return f"it did not answer like dv-processing within {self._connect_limit_s:g} s"
        return f"the acquisition process ended with code {code}"
