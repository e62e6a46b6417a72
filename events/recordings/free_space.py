"""check_free_space: writing stops while the disk still has room to close the file."""

from __future__ import annotations

import shutil
from pathlib import Path

RESERVED_BYTES = 32 << 20
"""Writing stops while so much of the disk is free: enough to close the file."""


def check_free_space(path: Path, place: Path, num_events: int) -> None:
    """Raise if a disk is nearly full.

    Args:
        path: The file that is written, for the message.
        place: It or its folder: something that is on the disk already.
        num_events: How many events were written before, for the message.

    Raises:
        OSError: Less than RESERVED_BYTES are free.
    """
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return  # opening the file tells what is wrong
    if free < RESERVED_BYTES:
        raise OSError(
            f"the disk of {path} is full ({free >> 20} MiB free, {RESERVED_BYTES >> 20} MiB are "
            f"needed): free some space; {num_events:,} events were written before"
        )
