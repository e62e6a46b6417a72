"""Opens any recording: its content says which file of ``formats`` reads it."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from pathlib import Path
from typing import Protocol, cast

from events.packet import SensorSize
from events.recordings import formats
from events.recordings.recording import Recording, RecordingError, read_start

FIRST_BYTES = 4096
"""How much of a file's start ``Format.matches`` is given."""


class Format(Protocol):
    """What a file of the folder ``formats`` defines; the folder is the registry.

    The module must be light to import: whatever is heavy (numba, h5py) it imports when it opens.
    """

    NAME: str
    """In words, for messages, such as "Prophesee RAW EVT3"."""
    SUFFIXES: tuple[str, ...]
    """Usual ends of a file's name, for dialogs, such as ``(".raw",)``."""
    HAS_MARK: bool
    """Whether the first bytes alone tell it for sure. Formats without a mark are asked last."""

    def matches(self, first: bytes, path: Path) -> bool:
        """Whether a file is meant to be of this format.

        Args:
            first: Its first FIRST_BYTES bytes, or all where it has fewer; never empty.
            path: For a format without a mark, which has only its name's suffix.
        """
        ...

    def open_(self, path: Path, sensor: SensorSize | None) -> Recording:
        """Open a file that matches.

        Args:
            path: The file.
            sensor: The sensor's size, for a file that does not say it; None is to infer it.

        Raises:
            RecordingError: The file cannot be read.
        """
        ...


@functools.cache
def recording_formats() -> tuple[Format, ...]:
    """Return every format in the order in which they are asked."""
    names = sorted(module.name for module in pkgutil.iter_modules(formats.__path__))
    found = [cast(Format, importlib.import_module(f"{formats.__name__}.{name}")) for name in names]
    return tuple(sorted(found, key=lambda made: not made.HAS_MARK))


def recording_suffixes() -> tuple[str, ...]:
    """Return the suffixes of all formats, each once and in order."""
    return tuple(sorted({suffix for made in recording_formats() for suffix in made.SUFFIXES}))


def sensor_note(recording: Recording, given: SensorSize | None = None) -> str:
    """Return one line on the sensor's size where the user should know of it; else nothing.

    Args:
        recording: An open one.
        given: The size that it was opened with.
    """
    if recording.is_sensor_guessed:
        return (
            f"{recording.path} does not say its sensor's size: {recording.sensor} is guessed from "
            "its events; if that is wrong, open it with --sensor WxH"
        )
    if given is not None and given != recording.sensor:
        return (
            f"{recording.path} says that its sensor has {recording.sensor} pixels: "
            f"--sensor {given} is not used"
        )
    return ""


def open_recording(path: str | Path, sensor: SensorSize | None = None) -> Recording:
    """Open a recording, its format told by its content and not by its name.

    Args:
        path: The file.
        sensor: The sensor's size, used where the file does not say it; None is to infer it.

    Raises:
        RecordingError: The file cannot be opened, or is not a recording that we read.
    """
    path = Path(path)
    first = read_start(path, FIRST_BYTES)
    if not first:
        raise RecordingError(f"{path} is empty (0 bytes): nothing was recorded into it")
    for made in recording_formats():
        if made.matches(first, path):
            return made.open_(path, sensor)
    what = "nothing but zeros" if not any(first) else f"bytes {first[:8].hex(' ')}"
    raise RecordingError(
        f"{path} is not a recording that saccade reads: it starts with {what}; known are "
        f"{', '.join(sorted(made.NAME for made in recording_formats()))}"
    )
