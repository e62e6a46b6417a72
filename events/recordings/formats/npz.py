"""Events in numpy's .npz files.

Four arrays t, x, y, p in any usual spelling; ``event_data`` with such fields, as N-ImageNet has it
(Kim et al., "N-ImageNet", ICCV 2021, arXiv 2112.01041); or an (N, 4) table. Compressed columns
cannot be read from their middle on: they are held in memory as they are stored, about 13 bytes an
event. Pickled objects are not read.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError

import numpy as np

from events.packet import SensorSize
from events.recordings.arrays import columns_of_arrays
from events.recordings.chunked import ChunkedRecording
from events.recordings.columns import Column, ColumnChunks
from events.recordings.recording import RecordingError
from events.recordings.sensor_guess import KNOWN_SENSORS

NAME = "numpy (npz)"
SUFFIXES = (".npz",)
HAS_MARK = True
_ZIP = b"PK\x03\x04"
_DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    SyntaxError,
    NotImplementedError,
    TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy and zipfile raise for bytes that are not as they should be."""
_NIMAGENET = SensorSize(640, 480)
_WITHIN_NIMAGENET = KNOWN_SENSORS[: KNOWN_SENSORS.index(_NIMAGENET) + 1]


def matches(first: bytes, path: Path) -> bool:
    """Whether it is a zip file whose first member is a numpy array."""
    return first.startswith(_ZIP) and b".npy" in first[30:1024]


def open_(path: Path, sensor: SensorSize | None) -> ChunkedRecording:
    """Open a file; ``width`` and ``height`` in it, if any, say the sensor's size.

    Raises:
        RecordingError: It is damaged, holds no events, or many recordings at once.
    """
    arrays = _load(path)
    if "offsets" in arrays:
        raise RecordingError(
            f"{path} holds {max(len(arrays['offsets']) - 1, 0):,} recordings (it has offsets): it "
            "is a data set to train on, not a recording"
        )
    num_events, read, clock, num_cut = columns_of_arrays(arrays, path)
    chunks = ColumnChunks(num_events, read, clock, arrays.clear, num_cut=num_cut)
    size = _size(arrays) or sensor
    if "event_data" in arrays and size is None and chunks.guess_sensor() in _WITHIN_NIMAGENET:
        size = _NIMAGENET
    return ChunkedRecording(path, chunks, NAME, size)


def _load(path: Path) -> dict[str, Column]:
    try:
        # Opened here: numpy would leave a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except _DAMAGE as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "allow_pickle" in text:
            raise RecordingError(
                f"{path} holds pickled objects, which could run any program: save plain arrays"
            ) from None
        if isinstance(error, OSError):
            text = "what is in it does not lie where it says"
        raise RecordingError(f"{path} is damaged: {text}") from None
    except MemoryError:
        raise RecordingError(
            f"{path} does not fit into memory: convert it to .h5 on a larger machine"
        ) from None


def _size(arrays: dict[str, Column]) -> SensorSize | None:
    try:
        return SensorSize(int(arrays["width"]), int(arrays["height"]))
    except (KeyError, TypeError, ValueError):
        return None
