"""What of a data set is found, missing or corrupt on disk: what `saccade data check` asks."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from PIL import Image

from events.packet import SensorSize
from events.recordings.open import open_recording
from events.recordings.recording import RecordingError
from training.data.catalogue import dataset_class
from training.data.dataset import Split
from training.data.folder import DataError, MissingDataError

SPAN_US = 100_000
"""How much of a recording is held at once while all of it is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One file that a data set is made of, or should be."""

    path: Path
    split: Split | None = None
    """None where it belongs to both, such as a calibration."""
    label: str = ""
    """Its class, or the sequence that it is of."""
    state: Literal["found", "missing", "corrupt"] = "found"
    problem: str = ""
    """One line; empty where all is well."""


@runtime_checkable
class Checkable(Protocol):
    """A data set of files, which can say of each what state it is in."""

    layout: str
    """What its folder must look like; of the class, since a set that is missing is never made."""

    def check(self, *, deep: bool) -> Iterator[Finding]:
        """Yield one finding for each file, as they are looked at.

        Args:
            deep: Read all that is in them, and not their beginnings alone.
        """
        ...


@dataclass(slots=True, kw_only=True)
class Report:
    """What a data set's check came to."""

    name: str
    state: Literal["found", "missing", "corrupt", "made"] = "found"
    """``corrupt`` is of a set that cannot be opened, ``made`` of one that needs no files."""
    reason: str = ""
    """Why it is missing or corrupt, in one line."""
    num_files: Counter[tuple[Split | None, str]] = field(default_factory=Counter)
    """Files that are well, by split and label."""
    num_missing: int = 0
    num_corrupt: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether no file is corrupt, and none is missing of a set that is there."""
        return self.num_missing == self.num_corrupt == 0 and self.state != "corrupt"

    def of_split(self, split: Split | None) -> dict[str, int]:
        """Return the number of files of each label, in the order of the labels."""
        found = [(label, num) for (each, label), num in self.num_files.items() if each == split]
        return dict(sorted(found))


def check_dataset(
    name: str, root: Path, *, deep: bool, report: Callable[[Finding], None]
) -> Report:
    """Look at every file of a data set.

    Args:
        name: Of a file in training/data/sets.
        root: The folder of the data sets.
        deep: Read all that is in the files.
        report: Told of every file as it is looked at.
    """
    made = dataset_class(name)
    result = Report(name=name)
    try:
        dataset = made(root)
        if isinstance(dataset, Checkable):
            for finding in dataset.check(deep=deep):
                result.num_files[finding.split, finding.label] += finding.state == "found"
                result.num_missing += finding.state == "missing"
                result.num_corrupt += finding.state == "corrupt"
                report(finding)
        else:
            result.state = "made"
    except MissingDataError as error:
        result.state, result.reason = "missing", _first_line(error)
    except (DataError, RecordingError, OSError, ValueError, KeyError) as error:
        result.state, result.reason = "corrupt", _first_line(error)
    return result


def check_recording(
    path: Path, split: Split | None, label: str, *, deep: bool, sensor: SensorSize | None = None
) -> Finding:
    """Open a recording, with ``deep`` read all its events, and say what is wrong with it."""
    if not path.is_file():
        return Finding(path=path, split=split, label=label, state="missing", problem="no such file")
    try:
        problem = _recording_problem(path, sensor, deep=deep)
    except RecordingError as error:
        problem = _first_line(error).removeprefix(f"{path} ")
    state: Literal["found", "corrupt"] = "corrupt" if problem else "found"
    return Finding(path=path, split=split, label=label, state=state, problem=problem)


def check_picture(path: Path, split: Split | None, label: str, *, deep: bool) -> Finding:
    """Open a picture, with ``deep`` decode it, and say what is wrong with it."""
    if not path.is_file():
        return Finding(path=path, split=split, label=label, state="missing", problem="no such file")
    try:
        with Image.open(path) as file:
            if deep:
                file.load()
    except (OSError, SyntaxError, ValueError) as error:  # pillow's, for what is no whole picture
        problem = f"is no picture: {_first_line(error)}"
        return Finding(path=path, split=split, label=label, state="corrupt", problem=problem)
    return Finding(path=path, split=split, label=label)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _recording_problem(path: Path, sensor: SensorSize | None, *, deep: bool) -> str:
    if path.suffix == ".npz" and not deep:
        return _npz_problem(path)
    with open_recording(path, sensor) as recording:
        if deep:
            num_events = sum(len(packet) for packet in recording.packets(duration_us=SPAN_US))
            if not num_events:
                return "holds no events"
        damage = recording.damage
        return "" if damage.is_clean else f"is damaged: {damage}"


def _npz_problem(path: Path) -> str:
    """Look at the table of contents at the file's end: opening it would decompress all of it."""
    try:
        with zipfile.ZipFile(path) as file:
            has_arrays = any(name.endswith(".npy") for name in file.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        return f"cannot be read: {_first_line(error)}"
    return "" if has_arrays else "holds no arrays"
