"""The formats that recordings are written in, found by the suffix of a file's name."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, cast

from events.packet import EventPacket, SensorSize
from events.recordings.recording import Frame


class Writer(Protocol):
    """Writes a recording; a context manager. See Aedat4Writer, Hdf5Writer for what they raise.

    It has ``write_imu`` and ``write_triggers`` too, where its format's ``kinds`` name them.
    """

    num_events: int

    def write(self, packet: EventPacket) -> None: ...

    def write_frame(self, frame: Frame) -> None: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class WriterFormat:
    """One format that recordings are written in."""

    module: str
    class_name: str
    kinds: tuple[str, ...]
    """The streams that it can hold."""
    compressions: tuple[str, ...]
    """The first is the default."""

    def open(
        self, path: Path, sensor: SensorSize, camera: str, compression: str, kinds: Sequence[str]
    ) -> Writer:
        """Return a writer, not yet entered, that replaces what is at ``path``."""
        made = getattr(importlib.import_module(self.module), self.class_name)
        return cast(Writer, made(path, sensor, camera, compression, overwrite=True, kinds=kinds))


_AEDAT4 = WriterFormat(
    "events.recordings.aedat4_writer",
    "Aedat4Writer",
    ("events", "frames", "imu", "triggers"),
    ("lz4", "none", "lz4_high", "zstd", "zstd_high"),
)
_HDF5 = WriterFormat(
    "events.recordings.h5_writer", "Hdf5Writer", ("events", "frames"), ("blosc", "gzip", "none")
)
WRITER_FORMATS = {".aedat4": _AEDAT4, ".h5": _HDF5, ".hdf5": _HDF5}
"""By suffix."""
