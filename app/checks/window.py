"""Can the window open? Qt's libraries, its plugin for X, and a display."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from app.checks.check import Check, ok, run_child, warn
from app.versions import version_of

PACKAGES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libatomic.so.1": "libatomic1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
"""Debian's and Ubuntu's package of each system library that Qt or dv-processing needs."""
# Qt blames xcb-cursor whatever is missing: loading the plugin by hand names the real one
PROBE = """
import ctypes, pathlib, sys
import PySide6.QtWidgets
if sys.platform == "linux":
    folder = pathlib.Path(PySide6.__file__).parent / "Qt" / "plugins" / "platforms"
    ctypes.CDLL(str(folder / "libqxcb.so"))
print("loaded")
"""


def check_window() -> Iterator[Check]:
    """Yield whether Qt loads and whether there is a display."""
    if version_of("PySide6-Essentials") is not None:
        yield _qt()
    yield display(os.environ)


def display(environment: Mapping[str, str]) -> Check:
    """Return whether this environment names a display, and an X display can be reached."""
    subject = "display"
    platform = environment.get("QT_QPA_PLATFORM")
    if not sys.platform.startswith("linux"):
        return ok(subject, "the system's own")
    if platform:
        return ok(subject, f"QT_QPA_PLATFORM={platform}")
    if environment.get("WAYLAND_DISPLAY"):
        return ok(subject, f"Wayland {environment['WAYLAND_DISPLAY']}")
    name = environment.get("DISPLAY")
    headless = "run and demo work without"
    if not name:
        return warn(subject, f"none, so no window; {headless}", "set DISPLAY, or use ssh -X")
    local = re.fullmatch(r":(\d+)(\.\d+)?", name)
    if local and not Path(f"/tmp/.X11-unix/X{local[1]}").exists():
        return warn(
            subject, f"DISPLAY={name}, but no X server there; {headless}", "start it, or unset it"
        )
    return ok(subject, f"X {name}")


def missing_library(text: str) -> tuple[str, str] | None:
    """Return the library that the loader missed and the command that installs it."""
    found = re.search(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object", text)
    if not found:
        return None
    package = PACKAGES.get(found[1], f"the package that holds {found[1]}")
    return found[1], f"sudo apt-get install {package}"


def _qt() -> Check:
    outcome = run_child(PROBE)
    if "loaded" in outcome.output:
        return ok("Qt", "its libraries load")
    missing = missing_library(outcome.errors)
    if missing:
        return warn("Qt", f"{missing[0]} is missing: no window", missing[1])
    lines = outcome.errors.strip().splitlines() or [f"ended with code {outcome.code}"]
    return warn("Qt", lines[-1][:160], "pip install --force-reinstall 'PySide6-Essentials<6.12'")
