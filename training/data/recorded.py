"""Data sets of labelled recordings: a set says where its files are, all else is one piece here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from events.packet import EventPacket, SensorSize
from events.recordings.open import open_recording
from events.transforms import consecutive
from training.data.check import Finding, check_recording
from training.data.dataset import LabelledWindow, Split
from training.data.folder import DATA_VARIABLE, DataError, MissingDataError

MOST_LOST = 0.01
"""Share of a window's events; a recording that has lost more is not learnt from."""
SPLIT_SEED = 123
TRAIN_SHARE = 0.8
SPLITS: tuple[Split, Split] = ("train", "val")


class Clip(NamedTuple):
    """A labelled recording, or a labelled part of one."""

    name: str
    """The file's path under the set's home, with slashes: a million paths are small as text."""
    label: str
    start_us: int | None = None
    end_us: int | None = None
    """The part in [start_us, end_us) of the file's own clock; None is to its ends."""


class RecordedSet:
    """One window a clip: all its events or, with ``num_events``, a run of so many of them.

    The run starts anywhere in training and is the middle one else; a shorter clip is taken whole.
    The window's length is that of what was recorded, whatever is asked for, and its sensor is the
    recording's own.

    Args:
        home: Folder that all clips are under.
        clips: Of each split.
    """

    name: str
    layout: str
    """What the folder of the data sets must hold, in one line."""
    sensor: SensorSize | None = None
    """The sensor's size, where files do not say it."""
    num_events: int | None = None
    """Events of a window; None is the whole clip."""
    segmentation_labels: tuple[str, ...] = ()
    is_film = False

    def __init__(self, home: Path, clips: Mapping[Split, Iterable[Clip]]) -> None:
        self.home = home
        self.labels: dict[Split, list[str]] = {}
        self._names: dict[Split, npt.NDArray[np.bytes_]] = {}
        self._spans: dict[Split, list[tuple[int | None, int | None]]] = {}
        for split in SPLITS:
            names: list[bytes] = []
            labels = self.labels[split] = []
            spans = self._spans[split] = []
            for name, label, *span in clips[split]:
                names.append(os.fsencode(name))
                labels.append(label)
                spans.append((span[0], span[1]))
            if all(span == (None, None) for span in spans):
                spans.clear()
            self._names[split] = np.array(names, np.bytes_)
        self.recognition_labels = tuple(sorted({*self.labels["train"], *self.labels["val"]}))
        if not self.recognition_labels:
            raise MissingDataError(
                f"{home} holds nothing of {self.name}: it must hold {self.layout}"
            )

    def num_windows(self, split: Split) -> int:
        return len(self.labels[split])

    def clip(self, split: Split, index: int) -> Clip:
        """Return what window ``index`` is taken from."""
        name = os.fsdecode(bytes(self._names[split][index]))
        span = self._spans[split][index] if self._spans[split] else (None, None)
        return Clip(name, self.labels[split][index], *span)

    def picture_path(self, clip: Clip) -> Path | None:
        """Return where the picture that a clip was recorded from lies; None where there is none."""
        return None

    def window(
        self,
        split: Split,
        index: int,
        seed: int,
        sensor: SensorSize,
        window_us: int,
        *,
        augment: bool = False,
        with_images: bool = False,
    ) -> LabelledWindow:
        clip = self.clip(split, index)
        packet = read_clip(self.home, clip, self.sensor)
        if self.num_events is not None:
            rng = np.random.default_rng((seed, index)) if augment else None
            packet = consecutive(packet, self.num_events, rng)
        path = self.picture_path(clip) if with_images else None
        image = None if path is None else read_picture(path, packet.sensor)
        return LabelledWindow(packet=packet, label=clip.label, image=image, previous=image)

    def check(self, *, deep: bool) -> Iterator[Finding]:
        """Yield a finding for each recording; of one in many parts without a label."""
        for split in SPLITS:
            clips = (self.clip(split, i) for i in range(self.num_windows(split)))
            for name, parts in groupby(clips, key=lambda clip: clip.name):
                labels = [clip.label for clip in parts]
                label = labels[0] if len(labels) == 1 else ""
                path = self.home / name
                yield check_recording(path, split, label, deep=deep, sensor=self.sensor)


def read_clip(home: Path, clip: Clip, sensor: SensorSize | None = None) -> EventPacket:
    """Return a clip's events.

    Raises:
        RecordingError: the file cannot be read.
        DataError: it is too damaged, or holds no events there.
    """
    path = home / clip.name
    with open_recording(path, sensor) as recording:
        start_us = recording.start_us if clip.start_us is None else clip.start_us
        end_us = recording.end_us if clip.end_us is None else clip.end_us
        packet = recording.events_between(start_us, end_us)
        damage = recording.damage
    if damage.num_lost > MOST_LOST * (len(packet) + damage.num_lost):
        raise DataError(f"{path} is damaged: {damage}")
    if not len(packet):
        part = "" if clip.start_us is None else f" in [{start_us}, {end_us}) us"
        raise DataError(f"{path} holds no events{part}")
    return packet


def read_picture(path: Path, sensor: SensorSize) -> npt.NDArray[np.uint8]:
    """Return a picture as (H, W, 3) RGB, stretched over the whole sensor."""
    with Image.open(path) as file:
        size = (sensor.width, sensor.height)
        return np.asarray(file.convert("RGB").resize(size, Image.Resampling.BILINEAR))


def home_of(root: Path, names: Sequence[str], layout: str) -> Path:
    """Return the first of some folders that is under ``root``, or ``root`` if it is named so.

    Raises:
        MissingDataError: there is none; the message says what it must hold.
    """
    for home in [*(root / name for name in names), root]:
        if home.is_dir() and home.name in names:
            return home
    raise MissingDataError(
        f"no {root / names[0]}: set {DATA_VARIABLE} or the root to a folder that holds {layout}"
    )


def in_class_folders(home: Path, folder: str, suffix: str) -> Iterator[Clip]:
    """Yield the recordings ``folder/<label>/*suffix``, in order; an underscore reads as a space.

    Args:
        home: The set's.
        folder: Below it; "." is the home itself.
        suffix: Of recordings.

    Raises:
        MissingDataError: there is no such folder.
    """
    if not (home / folder).is_dir():
        raise MissingDataError(f"no {home / folder}: the data set is not whole")
    for label in sorted(entry.name for entry in os.scandir(home / folder) if entry.is_dir()):
        for name in sorted(os.listdir(home / folder / label)):
            if name.endswith(suffix):
                yield Clip(f"{folder}/{label}/{name}", label.replace("_", " "))


def eighty_twenty(clips: Iterable[Clip]) -> dict[Split, list[Clip]]:
    """Split at random where a set has no split of its own: 80 % to train with, seed 123.

    ECDP's protocol (Yang et al., "Event Camera Data Pre-training", ICCV 2023, arXiv 2301.01928);
    which recording falls where is not published, so the draw is ours: the order of the clips,
    shuffled by numpy's legacy generator, whose stream never changes.
    """
    clips = list(clips)
    order = np.random.RandomState(SPLIT_SEED).permutation(len(clips))
    num_train = round(TRAIN_SHARE * len(clips))
    halves = (np.sort(order[:num_train]), np.sort(order[num_train:]))
    return {split: [clips[i] for i in half] for split, half in zip(SPLITS, halves, strict=True)}
