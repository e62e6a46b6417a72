"""Hdf5Writer: events and frames into HDF5 in the layout of DSEC, which research code reads.

``events/t, x, y, p`` (int64 microseconds from ``t_offset``; uint16, uint16, uint8), ``ms_to_idx``
(the first event at or after each millisecond, the number of events at its end), attributes width,
height and camera; and beside DSEC's layout ``frames/pixels, t, exposure_us, left_top``. ``t`` is
int64 where DSEC has uint32, which wraps after 71 minutes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket, SensorSize, join_events
from events.recordings.free_space import check_free_space
from events.recordings.millisecond_index import MillisecondIndex
from events.recordings.recording import Frame

SUFFIX = ".h5"
COMPRESSIONS = ("blosc", "gzip", "none")
ROWS = 1 << 16
"""Events of a chunk of the file; so many are written at once."""
_FLUSH_ROWS = 1 << 22
_FRAME_ROWS = 256
_EVENT_COLUMNS = (("t", np.int64), ("x", np.uint16), ("y", np.uint16), ("p", np.uint8))


class Hdf5Writer:
    """A context manager; the file gets its name when it is complete.

    Until then it is NAME.part beside it, which is deleted if the block ends with an error; what a
    kill leaves there opens in HDF5 up to the last 4 million events.

    Args:
        path: The file.
        sensor: Of the events and frames.
        camera: Model and serial number.
        compression: "blosc" (LZ4, fast), "gzip" (read by every HDF5) or "none".
        overwrite: Whether to replace a file that is there.
        kinds: The streams that will come: "events" and "frames" are all that the layout holds.
    """

    KINDS = ("events", "frames")

    def __init__(
        self,
        path: str | Path,
        sensor: SensorSize,
        camera: str = "",
        compression: str = "blosc",
        overwrite: bool = False,
        kinds: Sequence[str] = ("events",),
    ) -> None:
        self.path = Path(path)
        if compression not in COMPRESSIONS:
            raise ValueError(
                f"compression must be one of {', '.join(COMPRESSIONS)}, got {compression!r}"
            )
        if unknown := set(kinds) - set(self.KINDS):
            raise ValueError(f"streams may be {', '.join(self.KINDS)}, got {sorted(unknown)}")
        self.num_events = 0
        self.num_dropped_frames = 0
        """Frames of another shape than the first one's, which one array cannot hold."""
        self._sensor, self._camera, self._overwrite = sensor, camera, overwrite
        self._compression = compression
        self._part = self.path.with_name(self.path.name + ".part")
        self._file: Any = None
        self._columns: dict[str, Any] = {}
        self._pending: list[Any] = []
        self._num_pending, self._num_unflushed = 0, 0
        self._offset_us: int | None = None
        self._last_us = 0
        self._index = MillisecondIndex()
        self._frames: dict[str, Any] = {}

    def __enter__(self) -> Self:
        """Create the file.

        Raises:
            FileExistsError: It is there, and ``overwrite`` was not given.
            OSError: It cannot be created, or the disk is full.
        """
        import h5py

        if self.path.exists() and not self._overwrite:
            raise FileExistsError(f"{self.path} exists: choose another name, or overwrite it")
        check_free_space(self.path, self.path.parent, 0)
        try:
            self._file = h5py.File(self._part, "w")
        except OSError as error:
            what = os.strerror(error.errno) if error.errno else str(error)
            raise OSError(error.errno, f"{self.path} cannot be written: {what}") from None
        self._file.attrs["width"], self._file.attrs["height"] = (
            self._sensor.width,
            self._sensor.height,
        )
        self._file.attrs["camera"] = self._camera
        for name, kind in _EVENT_COLUMNS:
            self._columns[name] = self._resizable(f"events/{name}", (), kind)
        self._file["t_offset"] = np.int64(0)
        self._columns["ms_to_idx"] = self._resizable("ms_to_idx", (), np.uint64)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self._discard()

    def write(self, packet: EventPacket) -> None:
        """Append events.

        Raises:
            ValueError: They are older than what was written, or of another sensor.
            OSError: The disk is full or gone.
        """
        if packet.sensor != self._sensor:
            raise ValueError(
                f"{self.path} is of a {self._sensor} sensor, got events of {packet.sensor}"
            )
        if not len(packet):
            return
        first_us = int(packet.t[0])
        if first_us < self._last_us:
            raise ValueError(
                f"time runs backwards in {self.path}: {first_us} us after {self._last_us} us"
            )
        self._last_us = int(packet.t[-1])
        self._pending.append(packet.events)
        self._num_pending += len(packet)
        if self._num_pending >= ROWS:
            self._write_pending()

    def write_frame(self, frame: Frame) -> None:
        """Append one image; one of another shape than the first one's is dropped and counted."""
        if not self._frames:
            shape = frame.pixels.shape
            self._frames = {
                "pixels": self._resizable("frames/pixels", shape, np.uint8),
                "t": self._resizable("frames/t", (), np.int64),
                "exposure_us": self._resizable("frames/exposure_us", (), np.int64),
                "left_top": self._resizable("frames/left_top", (2,), np.int64),
            }
        if self._frames["pixels"].shape[1:] != frame.pixels.shape:
            self.num_dropped_frames += 1
            return
        row = {
            "pixels": frame.pixels,
            "t": frame.t_us,
            "exposure_us": frame.exposure_us,
            "left_top": (frame.left, frame.top),
        }
        for name, value in row.items():
            self._append(self._frames[name], np.asarray(value)[np.newaxis])

    def close(self) -> None:
        """Write what is pending and give the file its name; harmless when called twice.

        Raises:
            OSError: The disk is full or gone.
        """
        if self._file is None:
            return
        try:
            self._write_pending()
            self._append(self._columns["ms_to_idx"], self._index.end(self.num_events))
            self._file.close()
            os.replace(self._part, self.path)
            self._file = None
        except (OSError, RuntimeError) as error:
            self._discard()
            raise self._write_error(error) from None

    def _write_pending(self) -> None:
        if not self._pending:
            return
        events = join_events(self._pending)
        self._pending, self._num_pending = [], 0
        if self._offset_us is None:
            self._offset_us = self._file["t_offset"][()] = int(events["t"][0])
        t = events["t"] - self._offset_us
        self._append(self._columns["ms_to_idx"], self._index.rows(t, self.num_events))
        for name, _ in _EVENT_COLUMNS:
            self._append(self._columns[name], t if name == "t" else events[name])
        self.num_events += len(events)
        self._num_unflushed += len(events)
        if self._num_unflushed >= _FLUSH_ROWS:
            check_free_space(self.path, self._part, self.num_events)
            self._file.flush()
            self._num_unflushed = 0

    def _resizable(self, name: str, shape: tuple[int, ...], kind: Any) -> Any:
        import hdf5plugin

        filters: dict[str, Any] = {}
        if self._compression == "blosc":
            # Measured on real events: 2.3 to 3.0 bytes an event, written five times as fast as by
            # zstd 5, which takes 2.0 to 2.7.
            shuffle = hdf5plugin.Blosc.BITSHUFFLE
            filters = dict(hdf5plugin.Blosc(cname="lz4", clevel=9, shuffle=shuffle))
        elif self._compression == "gzip":
            filters = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
        return self._file.create_dataset(
            name,
            shape=(0, *shape),
            maxshape=(None, *shape),
            dtype=kind,
            chunks=(_chunk_rows(name, shape), *shape),
            **filters,
        )

    def _append(self, dataset: Any, rows: npt.NDArray[Any]) -> None:
        try:
            start = len(dataset)
            dataset.resize(start + len(rows), axis=0)
            dataset[start:] = rows
        except (OSError, RuntimeError) as error:
            raise self._write_error(error) from None

    def _discard(self) -> None:
        """Close and delete what is not complete."""
        if self._file is not None:
            file, self._file = self._file, None
            with contextlib.suppress(OSError, RuntimeError):
                file.close()
            self._part.unlink(missing_ok=True)

    def _write_error(self, error: Exception) -> OSError:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        what = "the disk is full" if "No space left" in text else text
        return OSError(f"writing {self.path} failed: {what}")


def _chunk_rows(name: str, shape: tuple[int, ...]) -> int:
    """Return how many rows are stored together: few of what a recording has few of."""
    if len(shape) > 1:
        return 1
    return _FRAME_ROWS if name.startswith("frames/") else ROWS
