"""What is known of a scene beside its events: pictures or labels, each with its time."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from events.recordings.columns import Clock
from events.recordings.hdf5_file import Hdf5File
from events.recordings.recording import RecordingError
from training.data.check import Finding
from training.data.dataset import Split
from training.data.folder import DataError
from training.data.open_files import OpenFiles

Times = npt.NDArray[np.int64]
Picture = npt.NDArray[Any]
DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    TokenError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
"""What pillow, numpy and h5py raise for bytes that are not as they should be."""


class Track(Protocol):
    """Pictures or labels, placed as the events are."""

    @property
    def times_us(self) -> Times:
        """(K,) when they were taken, in order."""
        ...

    def read(self, number: int) -> Picture:
        """Return one: (H, W, 3) uint8 RGB, (H, W) uint8 classes or (H, W) float32 metres.

        Raises:
            DataError: it is missing or damaged; the message names the file.
        """
        ...

    def findings(self, split: Split | None, label: str, *, deep: bool) -> Iterator[Finding]:
        """Yield what is found of its files; see Checkable."""
        ...


class FileTrack:
    """One file each.

    Args:
        times_us: (K,).
        paths: As many.
        decode: Reads a file, and places what it shows.
    """

    def __init__(
        self, times_us: Times, paths: Sequence[Path], decode: Callable[[Path], Picture]
    ) -> None:
        folder = paths[0].parent if paths else Path()
        self.times_us, self.paths, self._decode = in_order(times_us, folder), paths, decode

    def read(self, number: int) -> Picture:
        path = self.paths[number]
        try:
            return self._decode(path)
        except FileNotFoundError:
            raise DataError(f"{path} is missing") from None
        except DAMAGE as error:
            raise DataError(f"{path} {_reason(error)}") from None

    def findings(self, split: Split | None, label: str, *, deep: bool) -> Iterator[Finding]:
        for number, path in enumerate(self.paths):
            kind: dict[str, Any] = {"path": path, "split": split, "label": label}
            if not path.is_file():
                yield Finding(**kind, state="missing", problem="no such file")
                continue
            problem = _problem(self, number, path) if deep else ""
            problem = problem if path.stat().st_size else "is empty"
            yield Finding(**kind, state="corrupt" if problem else "found", problem=problem)


class Hdf5Track:
    """Rows of an array in an HDF5 file, read one at a time.

    Args:
        files: That it is opened with.
        path: The file.
        name: Of the array.
        times_us: (K,).
        decode: Turns a row into what it shows, placed.
    """

    def __init__(
        self,
        files: OpenFiles[Hdf5File],
        path: Path,
        name: str,
        times_us: Times,
        decode: Callable[[Picture], Picture],
    ) -> None:
        self.times_us, self.path, self.name = in_order(times_us, path), path, name
        self._files, self._decode = files, decode

    def read(self, number: int) -> Picture:
        rows = self._files.get(self.path).dataset(self.name)
        if rows is None:
            raise DataError(f"{self.path} holds no {self.name}")
        try:
            return self._decode(np.asarray(rows[number]))
        except DAMAGE as error:
            raise DataError(f"{self.path} {self.name}[{number}] {_reason(error)}") from None

    def findings(self, split: Split | None, label: str, *, deep: bool) -> Iterator[Finding]:
        numbers = range(len(self.times_us)) if deep else range(min(1, len(self.times_us)))
        problems = (_problem(self, number, self.path) for number in numbers)
        problem = next((each for each in problems if each), "")
        yield Finding(
            path=self.path,
            split=split,
            label=label,
            state="corrupt" if problem else "found",
            problem=problem,
        )


def present(path: Path) -> Path:
    """Return ``path``, which a data set that is there cannot be read without.

    Raises:
        DataError: it is missing.
    """
    if not path.exists():
        raise DataError(f"{path} is missing")
    return path


def hdf5_times(path: Path, name: str, clock: Clock) -> Times:
    """Return the (K,) times in an HDF5 file.

    Raises:
        DataError: they are not there.
        RecordingError: the file cannot be opened.
    """
    with Hdf5File(present(path)) as file:
        times = file.dataset(name)
        if times is None or times.ndim != 1:
            raise DataError(f"{path} holds no {name}")
        try:
            return clock.microseconds(np.asarray(times[:]))
        except DAMAGE as error:
            raise DataError(f"{path} {name} {_reason(error)}") from None


def text_times(path: Path) -> Times:
    """Return the (K,) microseconds in a text file, one a line.

    Raises:
        DataError: it is not there, or holds something else.
    """
    try:
        return np.loadtxt(present(path), np.int64, ndmin=1)
    except ValueError as error:
        raise DataError(f"{path} {_reason(error)}") from None


def in_order(times_us: Times, path: Path) -> Times:
    """Return times if none is earlier than the one before.

    Raises:
        DataError: one is; the message names the file.
    """
    back = np.flatnonzero(np.diff(times_us) < 0)
    if len(back):
        row = int(back[0])
        raise DataError(
            f"the times of {path} run backwards: {times_us[row + 1]} us follows {times_us[row]} us"
        )
    return times_us


def read_rgb(path: Path) -> npt.NDArray[np.uint8]:
    """Return a picture as (H, W, 3) RGB."""
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB"))


def read_whole_numbers(path: Path) -> Picture:
    """Return a picture as the whole numbers in it, of 8 or 16 bits: (H, W), or (H, W, C)."""
    with Image.open(path) as file:
        return np.asarray(file)


def _problem(track: Track, number: int, path: Path) -> str:
    try:
        track.read(number)
    except (DataError, RecordingError) as error:
        return str(error).splitlines()[0].removeprefix(f"{path} ")
    return ""


def _reason(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"is damaged: {text}"
