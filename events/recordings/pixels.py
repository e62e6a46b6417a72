"""Pixels of 16 bits as those of 8 that frames have."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from events.recordings.compression import Buffer


def upper_bytes(data: Buffer | memoryview) -> npt.NDArray[np.uint8]:
    """Return the upper byte of each 16-bit little-endian value, read-only.

    Full scale stays full scale. Cameras of fewer bits write values that use the whole range, so
    that nothing gets dark.
    """
    upper = np.ascontiguousarray(np.frombuffer(data, np.uint8)[1::2])
    upper.flags.writeable = False
    return upper
