"""Whether a window can be shown, found out without Qt: QApplication aborts where it cannot."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from app.checks.window import missing_library
from app.cli import UserError


def has_display() -> bool:
    """Return whether a window could be shown."""
    return display_problem(os.environ) is None


def ensure_display() -> None:
    """Raise UserError where no window can be shown."""
    problem = display_problem(os.environ)
    if problem:
        raise UserError(problem)


def display_problem(environment: Mapping[str, str]) -> str | None:
    """Return why no window can be shown, and the cure; None if one can."""
    platform = environment.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if not sys.platform.startswith("linux") or platform not in ("", "xcb"):
        return None
    if not platform and _has_wayland(environment):
        return None
    name = environment.get("DISPLAY")
    if not name:
        return "no display: set DISPLAY, or use saccade run, or set QT_QPA_PLATFORM=offscreen"
    return _plugin_problem() or _server_problem(name)


def _has_wayland(environment: Mapping[str, str]) -> bool:
    name = environment.get("WAYLAND_DISPLAY")
    folder = environment.get("XDG_RUNTIME_DIR", "")
    return bool(name) and Path(folder, str(name)).exists()


def _plugin_problem() -> str | None:
    """Return which library Qt's part for X lacks."""
    found = importlib.util.find_spec("PySide6")
    if found is None or not found.submodule_search_locations:
        return None  # importing it tells
    folder = Path(found.submodule_search_locations[0])
    try:
        ctypes.CDLL(os.fspath(folder / "Qt" / "plugins" / "platforms" / "libqxcb.so"))
    except OSError as error:
        missing = missing_library(str(error))
        return f"no window without {missing[0]}: {missing[1]}" if missing else None
    return None


def _server_problem(name: str) -> str | None:
    """Return whether nobody answers at an X display."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return None
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(name.encode(), None)
    is_broken = bool(xcb.xcb_connection_has_error(connection))
    xcb.xcb_disconnect(connection)
    if is_broken:
        return f"no X server answers at DISPLAY={name}: start it or unset it, or use saccade run"
    return None
