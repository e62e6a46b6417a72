"""Check: one line of what this machine can do, and the cure where it cannot."""

from __future__ import annotations

import enum
import subprocess
import sys
from dataclasses import dataclass

CHILD_LIMIT_S = 20.0


class Verdict(enum.Enum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    """Something optional does not work."""
    FAIL = "fail"
    """Running an engine on a recording does not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at."""

    subject: str
    verdict: Verdict
    message: str
    cure: str = ""
    """A command or an act; empty where nothing has to be cured."""


def ok(subject: str, message: str) -> Check:
    """Return a check that found nothing wrong."""
    return Check(subject=subject, verdict=Verdict.OK, message=message)


def warn(subject: str, message: str, cure: str) -> Check:
    """Return a check of something optional that does not work."""
    return Check(subject=subject, verdict=Verdict.WARN, message=message, cure=cure)


def fail(subject: str, message: str, cure: str) -> Check:
    """Return a check of something that nothing works without."""
    return Check(subject=subject, verdict=Verdict.FAIL, message=message, cure=cure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a child process said before it ended."""

    code: int
    output: str
    errors: str


def run_child(program: str, *arguments: str) -> Outcome:
    """Run Python text in a process of its own: libraries that abort or hang take only it along."""
    command = [sys.executable, "-P", "-c", program, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=CHILD_LIMIT_S, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return Outcome(code=-1, output="", errors=f"no answer within {CHILD_LIMIT_S:g} s")
    return Outcome(code=done.returncode, output=done.stdout, errors=done.stderr)
