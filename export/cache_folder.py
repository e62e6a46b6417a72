"""Where Saccade keeps what it can make again: engines built for this GPU, choices measured here."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's cache folder for Saccade; it may not exist yet."""
    told = os.environ.get("XDG_CACHE_HOME")
    if told:
        return Path(told) / "saccade"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(local) / "saccade" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "saccade"
    return Path.home() / ".cache" / "saccade"
