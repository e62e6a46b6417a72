"""Opens any recording: its content says which file of this folder reads it."""

from __future__ import annotations

from pathlib import Path

from events.recordings import aedat4
from events.recordings.recording import Recording, RecordingError, read_start


def open_recording(path: str | Path) -> Recording:
    """Open a recording, its format told by its content and not by its name.

    Raises:
        RecordingError: The file cannot be opened, or is not a recording that we read.
    """
    path = Path(path)
    first = read_start(path, 4096)
    if not first:
        raise RecordingError(f"{path} is empty (0 bytes): nothing was recorded into it")
    if aedat4.is_aedat4(first):
        return aedat4.Aedat4Recording(path)
    what = "nothing but zeros" if not any(first) else f"bytes {first[:8].hex(' ')}"
    raise RecordingError(
        f"{path} is not a recording that saccade reads: it starts with {what}, "
        "an AEDAT4 file starts with #!AER-DAT4"
    )
