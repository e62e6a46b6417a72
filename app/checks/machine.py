"""What else live work needs: cameras and the right to use them, caches, disk, an engine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from app.checks.check import Check, fail, ok, run_child, warn
from app.checks.window import missing_library
from app.engines import default_engine_path, load_engine
from app.versions import version_of
from events.live.open_device import UDEV_CURE, find_cameras
from export.backends.backend import EngineError

USB_DEVICES = Path("/sys/bus/usb/devices")
RULES = (Path("/etc/udev/rules.d"), Path("/usr/lib/udev/rules.d"), Path("/lib/udev/rules.d"))
VENDOR = "152a"
LOW_DISK_BYTES = 2e9
"""Some 20 s of a busy sensor, or minutes of a quiet one."""


def check_machine() -> Iterator[Check]:
    """Yield checks of dv-processing, cameras, the compiled kernels' cache, the disk, the engine."""
    yield from _cameras()
    yield kernel_cache(Path(__file__).resolve().parents[2] / "events")
    yield disk(Path.cwd(), shutil.disk_usage(Path.cwd()).free)
    yield _engine()


def _cameras() -> Iterator[Check]:
    subject = "dv-processing"
    version = version_of(subject)
    if version is None:
        yield warn(
            subject, "not installed: no cameras, no network streams", f"pip install {subject}"
        )
        return
    outcome = run_child("import dv_processing")
    if outcome.code:
        missing = missing_library(outcome.errors)
        message = f"{missing[0]} is missing" if missing else outcome.errors.strip()[-160:]
        yield warn(subject, message, missing[1] if missing else f"pip install -U {subject}")
        return
    yield ok(subject, version)
    found = [f"{c.model} {c.serial or '(no serial number)'}" for c in find_cameras()]
    plugged = plugged_in(USB_DEVICES)
    if found:
        yield ok("camera", ", ".join(found))
    elif plugged:
        yield warn("camera", f"{plugged[0]} is plugged in but may not be used", UDEV_CURE)
    elif sys.platform.startswith("linux") and not has_udev_rule(RULES):
        yield ok("camera", f"none plugged in; before the first one, {UDEV_CURE}")
    else:
        yield ok("camera", "none plugged in")


def plugged_in(devices: Path) -> list[str]:
    """Return the names of event cameras that the kernel sees on the USB."""
    names = []
    for vendor in sorted(devices.glob("*/idVendor")):
        if vendor.read_text().strip() == VENDOR:
            product = vendor.with_name("product")
            names.append(product.read_text().strip() if product.exists() else vendor.parent.name)
    return names


def has_udev_rule(folders: tuple[Path, ...]) -> bool:
    """Return whether some rule speaks of the cameras' vendor."""
    files = (file for folder in folders for file in folder.glob("*.rules"))
    return any(VENDOR in file.read_text(errors="replace") for file in files)


def kernel_cache(folder: Path) -> Check:
    """Return whether compiled kernels can be kept: beside the sources, or where numba is told."""
    told = os.environ.get("NUMBA_CACHE_DIR")
    place = Path(told) if told else folder
    user_wide = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    for candidate in (place, user_wide):
        existing = next((p for p in (candidate, *candidate.parents) if p.exists()), Path("/"))
        if os.access(existing, os.W_OK):
            return ok("kernel cache", f"{candidate} can be written")
    return warn(
        "kernel cache",
        f"neither {place} nor {user_wide} can be written: every start compiles for seconds",
        "set NUMBA_CACHE_DIR to a folder that can",
    )


def disk(folder: Path, free_bytes: float) -> Check:
    """Return whether there is room for recordings."""
    if free_bytes < LOW_DISK_BYTES:
        return warn(
            "disk", f"{free_bytes / 1e9:.1f} GB free in {folder}", "free some for recordings"
        )
    return ok("disk", f"{free_bytes / 1e9:.0f} GB free in {folder}")


def _engine() -> Check:
    try:
        engine = load_engine(default_engine_path(), provider="cpu")
    except EngineError as error:
        return fail("engine", str(error), cure="")
    except ImportError as error:
        return fail("engine", f"its runtime does not load: {error}", "see the lines above")
    card = engine.card
    size = f"{card.input_width}x{card.input_height}"
    engine.close()
    return ok("engine", f"{card.name}: {', '.join(card.tasks)} at {size}")
