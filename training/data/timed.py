"""Data sets of recorded scenes with pictures and labels in time: one piece makes their windows."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from events.packet import SensorSize
from training.data.check import Finding
from training.data.dataset import LabelledWindow, Sequential, Split
from training.data.event_sources import EventSource
from training.data.folder import DataError, MissingDataError
from training.data.recorded import SPLITS
from training.data.tracks import Picture, Times, Track

LABEL_SLACK_US = 5_000
"""A label belongs to a moment no farther away than this: clocks of sensors differ a little."""
LONGEST_US = 200_000
"""A picture farther from its moment does not show it: those between were lost."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A recording, what is known beside it, and the moments of which windows are made."""

    name: str
    events: EventSource
    moments_us: Times
    """(K,) when what a window shows was seen: the time of its picture and its labels."""
    spans_us: npt.NDArray[np.int64] | None = None
    """(K, 2) start and end of each window; None ends windows of the asked length at moments."""
    frames: Track | None = None
    class_ids: Track | None = None
    depth_m: Track | None = None
    needs: tuple[Path, ...] = ()
    """Other files that it cannot be read without."""


class Span(NamedTuple):
    """One window of a scene."""

    number: int
    start_us: int
    end_us: int
    moment_us: int


class TimedSet(Sequential):
    """Windows of scenes, in order; those of one scene also as sequences that touch.

    The recording's own sensor counts and, where a set has windows of its own, their own length,
    whatever is asked for. ``image`` is what was taken nearest to the window's moment, which is its
    end or, where windows lie between the midpoints of pictures, the picture amid it; ``previous``
    is the earlier picture nearest to its start.
    """

    name: str
    layout: str
    """What the folder of the data sets must hold, in one line."""
    recognition_labels: tuple[str, ...] = ()
    segmentation_labels: tuple[str, ...] = ()

    def __init__(self, home: Path, scenes: Mapping[Split, Sequence[Scene]]) -> None:
        self.home, self.scenes = home, scenes
        if not any(len(scene.moments_us) for each in scenes.values() for scene in each):
            raise MissingDataError(
                f"{home} holds nothing of {self.name}: it must hold {self.layout}"
            )
        self._ends = {
            split: list(itertools.accumulate(len(scene.moments_us) for scene in scenes[split]))
            for split in SPLITS
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
        """Return windows of which the last is window ``index``.

        Raises:
            DataError: so many windows do not touch there, or something is missing or damaged.
            RecordingError: a file cannot be opened.
        """
        which = bisect_right(self._ends[split], index)
        scene = self.scenes[split][which]
        number = index - (self._ends[split][which] - len(scene.moments_us))
        return [
            _window(scene, span, with_images=with_images)
            for span in _spans(scene, number, window_us, num_windows)
        ]

    def check(self, *, deep: bool) -> Iterator[Finding]:
        """Yield a finding for each file of each scene; of both splits where both have a part."""
        splits: dict[str, list[Split]] = {}
        scenes: dict[str, Scene] = {}
        for split in SPLITS:
            for scene in self.scenes[split]:
                splits.setdefault(scene.name, []).append(split)
                scenes[scene.name] = scene
        for name, scene in scenes.items():
            only = splits[name][0] if len(splits[name]) == 1 else None
            yield from _findings(scene, only, deep=deep)


def from_start(times_us: Times, lead_us: int, start_us: int | None = None) -> Times:
    """Return the times at which so much was recorded that a window is full of events.

    Args:
        times_us: (K,).
        lead_us: The least time after the start.
        start_us: Of the recording; None is the first time.
    """
    if not len(times_us):
        return times_us
    start_us = int(times_us[0]) if start_us is None else start_us
    return times_us[times_us - start_us >= lead_us]


def between_neighbours(times_us: Times) -> npt.NDArray[np.int64]:
    """Return (K - 1, 2) windows: each ends at a time and starts at the one before."""
    return np.stack([times_us[:-1], times_us[1:]], 1)


def between_midpoints(times_us: Times) -> npt.NDArray[np.int64]:
    """Return (K - 2, 2) windows around all times but the first and the last.

    From the midpoint with the time before to that with the time after: so each event is in the
    window of the picture that is nearest in time.
    """
    middles = times_us[:-1] + np.diff(times_us) // 2
    return np.stack([middles[:-1], middles[1:]], 1)


def _spans(scene: Scene, number: int, window_us: int, num_windows: int) -> list[Span]:
    if scene.spans_us is None:
        last_us = int(scene.moments_us[number])
        ends_us = [last_us - i * window_us for i in range(num_windows)][::-1]
        return [Span(number, end_us - window_us, end_us, end_us) for end_us in ends_us]
    first = number - num_windows + 1
    spans = scene.spans_us[max(first, 0) : number + 1]
    if first < 0 or (spans[1:, 0] != spans[:-1, 1]).any():
        raise DataError(f"{scene.name} has not {num_windows} windows without a gap there")
    moments_us = scene.moments_us[first : number + 1]
    return [
        Span(first + i, int(start), int(end), int(moment))
        for i, ((start, end), moment) in enumerate(zip(spans, moments_us, strict=True))
    ]


def _window(scene: Scene, span: Span, *, with_images: bool) -> LabelledWindow:
    packet = scene.events.between(span.number, span.start_us, span.end_us)
    image, previous = _pictures(scene, span) if with_images else (None, None)
    return LabelledWindow(
        packet=packet,
        class_ids=_label(scene.class_ids, span.moment_us),
        depth_m=_label(scene.depth_m, span.moment_us),
        image=image,
        previous=previous,
    )


def _label(track: Track | None, moment_us: int) -> Picture | None:
    if track is None:
        return None
    number = nearest(track.times_us, moment_us)
    is_near = number is not None and abs(int(track.times_us[number]) - moment_us) <= LABEL_SLACK_US
    return track.read(number) if number is not None and is_near else None


def _pictures(scene: Scene, span: Span) -> tuple[Picture, Picture]:
    """Return the picture of the window's moment and the one at its start."""
    track = scene.frames
    if track is None:
        raise DataError(f"{scene.name} has no pictures: it needs them for what learns from pairs")
    last = nearest(track.times_us, span.moment_us)
    first = None if not last else nearest(track.times_us[:last], span.start_us)
    for number, t_us in ((first, span.start_us), (last, span.moment_us)):
        if number is None or abs(int(track.times_us[number]) - t_us) > LONGEST_US:
            raise DataError(f"{scene.name} has no picture within {LONGEST_US} us of {t_us} us")
    assert first is not None
    assert last is not None
    return track.read(last), track.read(first)


def nearest(times_us: Times, t_us: int) -> int | None:
    """Return the number of the time nearest to ``t_us``, the earlier of two; None of none."""
    if not len(times_us):
        return None
    after = min(int(np.searchsorted(times_us, t_us)), len(times_us) - 1)
    before = max(after - 1, 0)
    return before if t_us - times_us[before] <= times_us[after] - t_us else after


def _findings(scene: Scene, split: Split | None, *, deep: bool) -> Iterator[Finding]:
    yield from scene.events.findings(split, scene.name, deep=deep)
    for track in (scene.frames, scene.class_ids, scene.depth_m):
        if track is not None:
            yield from track.findings(split, scene.name, deep=deep)
    for path in scene.needs:
        kind: dict[str, Any] = {"path": path, "split": split, "label": scene.name}
        if not path.is_file():
            kind |= {"state": "missing", "problem": "no such file"}
        yield Finding(**kind)
