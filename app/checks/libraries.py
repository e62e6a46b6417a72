"""Are the libraries there, in versions that work together? By metadata: torch is slow to import."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from app.checks.check import Check, fail, ok, warn
from app.versions import installed_runtimes, runtime_problem, version_of

NEEDED = {"numpy": (2,), "numba": (0, 61), "lz4": (4,), "zstandard": (0, 23), "rich": (13,)}
"""Without these nothing runs; the least versions."""


def check_libraries() -> Iterator[Check]:
    """Yield one check for Python and for each library that matters."""
    yield ok("Python", ".".join(map(str, sys.version_info[:3])))
    yield from _needed()
    yield _runtime()
    yield _torch()
    yield _pyside()


def parts(version: str) -> tuple[int, ...]:
    """Return the numbers of a version: (2, 13, 0) of "2.13.0+cpu"."""
    return tuple(int(n) for n in re.findall(r"\d+", version.split("+")[0]))


def _needed() -> Iterator[Check]:
    for name, least in NEEDED.items():
        version = version_of(name)
        wanted = f"pip install '{name}>={'.'.join(map(str, least))}'"
        if version is None:
            yield fail(name, "not installed", wanted)
        elif parts(version) < least:
            yield fail(name, f"{version} is too old", wanted)
    found = ", ".join(f"{name} {version_of(name)}" for name in NEEDED if version_of(name))
    yield ok("libraries", found)


def _runtime() -> Check:
    """Exactly one of onnxruntime's packages: they write into one folder."""
    problem = runtime_problem()
    if problem is not None:
        message, _, cure = problem.partition(": ")
        return fail("onnxruntime", message, cure)
    [name] = installed_runtimes()
    return ok("onnxruntime", f"{name} {version_of(name)}")


def _torch() -> Check:
    version = version_of("torch")
    wanted = "pip install 'torch>=2.11,<2.14'"
    if version is None:
        return warn("torch", "not installed: no training, no export", wanted)
    if not (2, 11) <= parts(version) < (2, 14):
        return warn("torch", f"{version} is not tried: training and export may fail", wanted)
    return ok("torch", version)


def _pyside() -> Check:
    version = version_of("PySide6-Essentials")
    wanted = "pip install 'PySide6-Essentials>=6.8,<6.12'"
    if version is None:
        return warn("PySide6", "not installed: no window", wanted)
    if parts(version) >= (6, 12) and sys.version_info < (3, 12):
        # each emitted signal drops a reference to True, until the process aborts
        return fail("PySide6", f"{version} aborts on Python 3.11 after some 500 signals", wanted)
    return ok("PySide6", version)
