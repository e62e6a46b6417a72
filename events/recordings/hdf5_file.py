"""Hdf5File: an HDF5 file opened for reading, every trouble of its library in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from events.packet import SensorSize
from events.recordings.columns import Column
from events.recordings.recording import Frame, RecordingError

MARK = b"\x89HDF\r\n\x1a\n"
DAMAGE = (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError)
"""What h5py raises for bytes that are not as they should be."""
_ECF = 0x8ECF
"""Number of Prophesee's codec among HDF5's filters: https://github.com/prophesee-ai/hdf5_ecf"""


class Hdf5File:
    """A context manager, which closes it; ``close`` does the same.

    Raises:
        RecordingError: The file is damaged, as may show within the context too, or locked.
    """

    def __init__(self, path: Path) -> None:
        import h5py
        import hdf5plugin  # noqa: F401  # registers blosc and others with HDF5

        self.path = path
        self._group = h5py.Group
        try:
            self.file: Any = h5py.File(path, "r")
        except OSError as error:
            what = str(error)
            if "truncated" in what:
                what = f"cut short ({path.stat().st_size:,} bytes): copy it again"
            elif "lock" in what:
                what = (
                    "in use by a program that writes it: wait, or run h5clear -s if it was killed"
                )
            else:
                what = f"damaged: {what.splitlines()[0]}"
            raise RecordingError(f"{path} is {what}") from None

    def group(self, name: str) -> Any:
        """Return a group (its path within the file; "" is the root); None where there is none."""
        found = self.get(name) if name else self.file
        return found if isinstance(found, self._group) else None

    def dataset(self, name: str) -> Any:
        """Return an array of the file; None where there is none.

        Raises:
            RecordingError: It is compressed in a way that cannot be read here.
        """
        found = self.get(name)
        if found is None or isinstance(found, self._group):
            return None
        self._check_filters(found)
        return found

    def get(self, name: str) -> Any:
        """Return what has a name; None where nothing has, or what has is damaged."""
        try:
            return self.file.get(name)
        except DAMAGE:
            return None

    def close(self) -> None:
        self.file.close()

    def __enter__(self) -> Hdf5File:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self.close()
        if isinstance(error, DAMAGE):
            raise _damaged(self.path, error) from None

    def _check_filters(self, dataset: Any) -> None:
        import h5py

        plan = dataset.id.get_create_plist()
        for number in range(plan.get_nfilters()):
            code, _, _, name = plan.get_filter(number)
            if code == _ECF and not h5py.h5z.filter_avail(code):
                raise RecordingError(
                    f"{self.path} is compressed by Prophesee's ECF codec, which hdf5plugin lacks: "
                    "install hdf5_ecf and name its folder in HDF5_PLUGIN_PATH, or save it as RAW"
                )
            if not h5py.h5z.filter_avail(code):
                raise RecordingError(
                    f"{self.path} is compressed with the HDF5 filter {code} "
                    f"({name.decode(errors='replace') or 'unnamed'}), which is not installed"
                )


@contextmanager
def opening(path: Path) -> Iterator[Hdf5File]:
    """Open a file for good: it stays open unless what follows fails.

    Raises:
        RecordingError: Also where HDF5 fails in what follows.
    """
    file = Hdf5File(path)
    try:
        yield file
    except DAMAGE as error:
        file.close()
        raise _damaged(path, error) from None
    except BaseException:
        file.close()
        raise


def guarded(dataset: Any) -> Callable[[int, int], Column]:
    """Return a reader of rows that raises OSError, and nothing else, where they are damaged."""

    def rows(start: int, stop: int) -> Column:
        try:
            return np.asarray(dataset[start:stop])
        except DAMAGE as error:
            raise OSError(str(error)) from None

    return rows


def size_of(*places: Any) -> SensorSize | None:
    """Return the sensor's size from the attributes of some groups; None where none says it.

    Known are ``width`` and ``height``, ``geometry`` ("1280x720", Metavision), ``resolution``
    (width, height) and ``sensor_resolution`` (height, width: event_utils).
    """
    for place in places:
        attributes = {} if place is None else place.attrs
        try:
            if "width" in attributes and "height" in attributes:
                return SensorSize(int(attributes["width"]), int(attributes["height"]))
            if "geometry" in attributes:
                width, height = text(attributes["geometry"]).lower().split("x")
                return SensorSize(int(width), int(height))
            if "resolution" in attributes:
                width, height = attributes["resolution"][:2]
                return SensorSize(int(width), int(height))
            if "sensor_resolution" in attributes:
                height, width = attributes["sensor_resolution"][:2]
                return SensorSize(int(width), int(height))
        except DAMAGE:
            continue
    return None


def _damaged(path: Path, error: Exception) -> RecordingError:
    lines = str(error).splitlines() or [type(error).__name__]
    return RecordingError(f"{path} is damaged: {lines[0]}")


def text(value: Any) -> str:
    """Return an attribute, stored as bytes, text or an array of one, as text."""
    value = np.asarray(value).reshape(-1)[0] if np.size(value) else ""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


class Hdf5Frames:
    """Images in a (K, H, W[, C]) dataset, their times in another.

    Args:
        pixels: uint8; read one image at a time.
        times_us: (K,) int64.
        exposures_us: (K,) or None where the file does not say it.
    """

    def __init__(
        self,
        pixels: Any,
        times_us: npt.NDArray[np.int64],
        exposures_us: npt.NDArray[np.int64] | None = None,
        corners: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self.times_us = times_us[: len(pixels)]
        self._pixels, self._exposures_us, self._corners = pixels, exposures_us, corners

    def read(self, number: int) -> Frame | None:
        """Return one image; None if it is damaged."""
        try:
            pixels = np.asarray(self._pixels[number], np.uint8)
        except DAMAGE:
            return None
        pixels.flags.writeable = False
        exposure_us = 0 if self._exposures_us is None else int(self._exposures_us[number])
        left, top = (0, 0) if self._corners is None else self._corners[number].tolist()
        return Frame(int(self.times_us[number]), exposure_us, pixels, left, top)
