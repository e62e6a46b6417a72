"""Ordinary video as image-event pairs: the contrast simulator between a video's own frames.

Layout: videos that PyAV decodes (mp4, mkv, avi, mov, webm, gif), at any depth of ``video/``.
Windows: as many frames as ``window_us`` holds at the video's pace, at least two, in exactly
``window_us``; log intensity is linear between frames (Rebecq et al., ESIM, CoRL 2018; v2e,
arXiv 2006.07722, makes frames in between by a network first). The picture's middle in the sensor's
aspect ratio is seen; in training another part, mirrored half of the time. The frame differences of
the CLIP-based encoder (arXiv 2412.03093) are a representation of ours, ``count_map``.
The last fifth of each video is held out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from events.packet import SensorSize
from events.simulate.contrast import events_from_frames
from training.data.check import Finding
from training.data.dataset import LabelledWindow, Sequential, Split
from training.data.folder import DataError, MissingDataError, intensity
from training.data.last_used import LastUsed
from training.data.recorded import TRAIN_SHARE, home_of
from training.data.video_frames import Video, VideoError
from training.data.virtual_camera import random_contrast

SUFFIXES = (".avi", ".gif", ".mkv", ".mov", ".mp4", ".webm")
STRIDE = 5
"""A window starts at every fifth frame."""
LEAST_SHARE = 0.6
"""Of the largest part of a picture that has the sensor's aspect ratio, in training."""


class VideoWindows(Sequential):
    """Windows of moving pictures; those of one video also as sequences that touch."""

    name = "video"
    layout = "video/**/*.{mp4,mkv,avi,mov,webm,gif}"
    recognition_labels: tuple[str, ...] = ()
    segmentation_labels: tuple[str, ...] = ()

    def __init__(self, root: Path) -> None:
        self.home = home_of(root, ("video", "videos"), self.layout)
        self._videos: list[Video] = []
        self._problems: dict[Path, str] = {}
        for path in sorted(p for p in self.home.rglob("*") if p.suffix.lower() in SUFFIXES):
            try:
                self._videos.append(Video.open(path))
            except VideoError as error:
                self._problems[path] = str(error)
        if not self._videos and self._problems:
            path, problem = next(iter(self._problems.items()))
            raise DataError(f"{path} {problem}")
        if not self._videos:
            raise MissingDataError(f"{self.home} has no video of two frames")
        self._first: dict[Split, list[list[int]]] = {"train": [], "val": []}
        for video in self._videos:
            cut = round(TRAIN_SHARE * video.num_frames)
            self._first["train"].append(list(range(0, cut - 1, STRIDE)))
            self._first["val"].append(list(range(cut, video.num_frames - 1, STRIDE)))
        self._ends = {
            split: list(accumulate(len(each) for each in first))
            for split, first in self._first.items()
        }
        self._frames = LastUsed(self._decode, most=4)

    def num_windows(self, split: Split) -> int:
        return self._ends[split][-1]

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
        """Return windows from ``index`` on, from earlier on where the split ends too soon.

        Raises:
            DataError: the split's part of the video is too short, or cannot be decoded.
        """
        rng = np.random.default_rng((seed, index))
        which = bisect_right(self._ends[split], index)
        video = self._videos[which]
        steps = max(round(window_us / video.interval_us), 1)
        first = self._start(split, which, index, steps * num_windows)
        pictures = self._frames(which, first, steps * num_windows + 1)
        box, is_mirrored = _part(pictures[0], sensor, rng if augment else None)
        seen = [_cut(picture, box, sensor, is_mirrored) for picture in pictures]
        grey = np.stack([np.asarray(Image.fromarray(each).convert("L")) for each in seen])
        times_us = np.linspace(0, num_windows * window_us, len(seen), dtype=np.int64)
        contrast = random_contrast(rng if augment else None)
        packet = events_from_frames(intensity(grey), times_us, contrast, int(rng.integers(2**31)))
        return [
            LabelledWindow(
                packet=packet.between(i * window_us, (i + 1) * window_us),
                image=seen[(i + 1) * steps] if with_images else None,
                previous=seen[i * steps] if with_images else None,
            )
            for i in range(num_windows)
        ]

    def check(self, *, deep: bool) -> Iterator[Finding]:
        """Yield a finding for each video; ``deep`` decodes all of it."""
        for video in self._videos:
            problem = video.problem() if deep else ""
            yield Finding(path=video.path, state="corrupt" if problem else "found", problem=problem)
        for path, problem in self._problems.items():
            yield Finding(path=path, state="corrupt", problem=problem)

    def _start(self, split: Split, which: int, index: int, num_steps: int) -> int:
        """Return the first frame of ``num_steps + 1`` within the split's part of a video."""
        video, firsts = self._videos[which], self._first[split][which]
        first = firsts[index - (self._ends[split][which] - len(firsts))]
        cut = round(TRAIN_SHARE * video.num_frames)
        least, last = (0, cut - 1) if split == "train" else (cut, video.num_frames - 1)
        if last - least < num_steps:
            raise DataError(f"{video.path} has not {num_steps + 1} frames to {split} with")
        return min(first, last - num_steps)

    def _decode(self, which: int, first: int, num_frames: int) -> list[npt.NDArray[np.uint8]]:
        try:
            return self._videos[which].frames(first, num_frames)
        except VideoError as error:
            raise DataError(f"{self._videos[which].path} {error}") from None


def _part(
    picture: npt.NDArray[np.uint8], sensor: SensorSize, rng: np.random.Generator | None
) -> tuple[tuple[float, float, float, float], bool]:
    """Return the left, top, right and bottom of what is seen of a picture, and if mirrored."""
    height, width = picture.shape[:2]
    scale = min(width / sensor.width, height / sensor.height)
    x, y = 0.5, 0.5
    is_mirrored = False
    if rng is not None:
        scale *= float(rng.uniform(LEAST_SHARE, 1))
        x, y = (float(value) for value in rng.random(2))
        is_mirrored = bool(rng.random() < 0.5)
    left, top = x * (width - scale * sensor.width), y * (height - scale * sensor.height)
    return (left, top, left + scale * sensor.width, top + scale * sensor.height), is_mirrored


def _cut(
    picture: npt.NDArray[np.uint8],
    box: tuple[float, float, float, float],
    sensor: SensorSize,
    is_mirrored: bool,
) -> npt.NDArray[np.uint8]:
    """Return what is seen of a picture as (H, W, 3) RGB of the sensor's size."""
    size = (sensor.width, sensor.height)
    seen = Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR, box=box)
    part = np.asarray(seen)
    return np.ascontiguousarray(part[:, ::-1]) if is_mirrored else part


dataset = VideoWindows
