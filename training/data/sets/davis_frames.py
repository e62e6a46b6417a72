"""Every recording with frames as image-event pairs: a DAVIS takes pictures through the same lens.

Layout: recordings with frames, at any depth of ``recordings/`` (or of the root, if it is named so).
Windows: from the middle of one frame's exposure to that of the next; the frames are ``previous``
and ``image``, placed as the events are. The recording's own sensor and the frames' own pace count,
whatever is asked for. The last fifth of the frames of each recording is held out.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from events.packet import SensorSize
from events.recordings.open import open_recording
from events.recordings.recording import Frame, Recording, RecordingError
from training.data.check import Finding, check_recording
from training.data.dataset import LabelledWindow, Sequential, Split
from training.data.folder import DataError, MissingDataError
from training.data.recorded import TRAIN_SHARE, home_of

SUFFIXES = (".aedat", ".aedat4", ".bag", ".h5", ".hdf5")
"""Of the formats whose frames are read."""
LONGEST_US = 200_000
"""Frames farther apart do not belong together: some between them were lost."""


class Shot(NamedTuple):
    """When a frame was taken."""

    t_us: int
    """Shutter open, as the recording has it."""
    middle_us: int
    """Middle of the exposure."""


class Run(NamedTuple):
    """Frames that follow each other without a gap: one window less than frames."""

    path: Path
    shots: tuple[Shot, ...]


class DavisFrames(Sequential):
    """Windows between frames; those of one recording also as sequences that touch."""

    name = "davis_frames"
    layout = "recordings/**/*.{aedat,aedat4,bag,h5,hdf5} with frames"
    recognition_labels: tuple[str, ...] = ()
    segmentation_labels: tuple[str, ...] = ()

    def __init__(self, root: Path) -> None:
        self.home = home_of(root, ("recordings",), self.layout)
        self._runs: dict[Split, list[Run]] = {"train": [], "val": []}
        self._problems: dict[Path, str] = {}
        for path in _candidates(self.home):
            try:
                shots = _shots(path)
            except RecordingError as error:
                self._problems[path] = str(error).splitlines()[0]
                continue
            num_train = round(TRAIN_SHARE * len(shots))
            # The held-out windows' first picture is the last one of training: windows touch.
            self._runs["train"] += _runs(path, shots[:num_train])
            self._runs["val"] += _runs(path, shots[max(num_train - 1, 0) :])
        if not self._runs["train"] and self._problems:
            raise DataError(next(iter(self._problems.values())))
        if not self._runs["train"]:
            raise MissingDataError(f"{self.home} has no recording with two frames")
        self._ends = {
            split: list(itertools.accumulate(len(run.shots) - 1 for run in runs))
            for split, runs in self._runs.items()
        }

    def num_windows(self, split: Split) -> int:
        return self._ends[split][-1] if self._ends[split] else 0

    def sequence(
        self,
        split: Split,
        index: int,
        seed: int,
        sensor: SensorSize,
        window_us: int,
        num_windows: int,
        *,
        augment: bool = False,
        with_images: bool = False,
    ) -> list[LabelledWindow]:
        """Return windows from ``index`` on, from earlier on where its frames end too soon.

        Raises:
            DataError: so many frames do not follow each other there, or one cannot be read.
        """
        number = bisect_right(self._ends[split], index)
        run = self._runs[split][number]
        place = index - (self._ends[split][number] - (len(run.shots) - 1))
        first = min(place, len(run.shots) - 1 - num_windows)
        if first < 0:
            raise DataError(f"{run.path} has not {num_windows + 1} frames without a gap there")
        shots = run.shots[first : first + num_windows + 1]
        with open_recording(run.path) as recording:
            pictures = [_picture(recording, shot) if with_images else None for shot in shots]
            return [
                LabelledWindow(
                    packet=recording.events_between(shots[i].middle_us, shots[i + 1].middle_us),
                    image=pictures[i + 1],
                    previous=pictures[i],
                )
                for i in range(num_windows)
            ]

    def check(self, *, deep: bool) -> Iterator[Finding]:
        """Yield a finding for each recording with frames, and for each that cannot be opened."""
        for path in dict.fromkeys(run.path for runs in self._runs.values() for run in runs):
            yield check_recording(path, None, "", deep=deep)
        for path, problem in self._problems.items():
            yield Finding(path=path, state="corrupt", problem=problem.removeprefix(f"{path} "))


def _candidates(home: Path) -> list[Path]:
    return sorted(path for path in home.rglob("*") if path.suffix.lower() in SUFFIXES)


def _shots(path: Path) -> list[Shot]:
    """Return when each frame of a recording was taken; reads all of them."""
    with open_recording(path) as recording:
        if not any(stream.kind == "frames" for stream in recording.streams):
            return []
        return [Shot(each.t_us, each.t_us + each.exposure_us // 2) for each in recording.frames()]


def _runs(path: Path, shots: list[Shot]) -> Iterator[Run]:
    """Yield the runs of at least two frames that are near enough and in order."""
    run: list[Shot] = []
    for shot in shots:
        if run and not 0 < shot.middle_us - run[-1].middle_us <= LONGEST_US:
            if len(run) > 1:
                yield Run(path, tuple(run))
            run = []
        run.append(shot)
    if len(run) > 1:
        yield Run(path, tuple(run))


def _picture(recording: Recording, shot: Shot) -> npt.NDArray[np.uint8]:
    frame = next(recording.frames(shot.t_us, shot.t_us + 1), None)
    if frame is None:
        raise DataError(f"{recording.path} has no frame at {shot.t_us} us any more")
    return on_sensor(frame, recording.sensor)


def on_sensor(frame: Frame, sensor: SensorSize) -> npt.NDArray[np.uint8]:
    """Return a frame as (H, W, 3) RGB of the whole sensor, black where it shows nothing."""
    pixels = frame.pixels if frame.pixels.ndim == 3 else frame.pixels[:, :, None]
    colour = pixels[:, :, 2::-1] if pixels.shape[2] >= 3 else pixels[:, :, :1]
    seen = np.zeros((sensor.height, sensor.width, 3), np.uint8)
    part = seen[frame.top : frame.top + colour.shape[0], frame.left : frame.left + colour.shape[1]]
    part[:] = colour[: part.shape[0], : part.shape[1]]
    return seen


dataset = DavisFrames
