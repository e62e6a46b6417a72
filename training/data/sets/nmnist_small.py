"""A small N-MNIST in one file: 1,000 training and 100 test recordings of 34x34 digits.

Layout: ``recognition/nmnist_small_1100.npz`` with the events of all recordings one after another
(t, x, y, p), ``offsets`` (where each recording starts, and the end), ``label`` and ``is_test``.
Windows: the whole recording, 0.3 s. Source: Orchard et al., arXiv 1507.07629.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from events.packet import EventPacket, SensorSize, pack_events
from training.data.check import Finding
from training.data.dataset import LabelledWindow, Split
from training.data.folder import DataError, require

SENSOR = SensorSize(34, 34)


class NMnistSmall:
    """Windows with one label out of 10; the 4.5 million events are held in memory, 72 MB."""

    name = "nmnist_small"
    layout = "recognition/nmnist_small_1100.npz"
    segmentation_labels: tuple[str, ...] = ()
    is_film = False
    recognition_labels = tuple("0123456789")

    def __init__(self, root: Path) -> None:
        self.path = require(root / self.layout)
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                self._events = pack_events(*(arrays[name] for name in "txyp"))
                self._offsets = arrays["offsets"]
                labels, is_test = arrays["label"], arrays["is_test"]
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"{self.path} cannot be read: {error}") from None
        self._events.flags.writeable = False
        if not len(labels) == len(is_test) == len(self._offsets) - 1:
            raise DataError(f"{self.path} does not say of each recording where it is and its label")
        self._numbers: dict[Split, list[int]] = {
            "train": np.flatnonzero(~is_test).tolist(),
            "val": np.flatnonzero(is_test).tolist(),
        }
        self.labels: dict[Split, list[str]] = {
            split: [str(labels[number]) for number in numbers]
            for split, numbers in self._numbers.items()
        }

    def num_windows(self, split: Split) -> int:
        return len(self.labels[split])

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
        number = self._numbers[split][index]
        events = self._events[self._offsets[number] : self._offsets[number + 1]]
        if not len(events):
            raise DataError(f"{self.path} holds no events of recording {number}")
        start_us, end_us = int(events["t"][0]), int(events["t"][-1]) + 1
        packet = EventPacket(events, SENSOR, start_us, end_us)
        return LabelledWindow(packet=packet, label=self.labels[split][index])

    def check(self, *, deep: bool) -> Iterator[Finding]:
        """Yield a finding for each recording in the file, which was read when it was opened."""
        for split, numbers in self._numbers.items():
            for number, label in zip(numbers, self.labels[split], strict=True):
                t = self._events["t"][self._offsets[number] : self._offsets[number + 1]]
                problem = "" if len(t) else f"holds no events of recording {number}"
                if (np.diff(t) < 0).any():
                    problem = f"holds recording {number} out of order"
                yield Finding(
                    path=self.path,
                    split=split,
                    label=label,
                    state="corrupt" if problem else "found",
                    problem=problem,
                )


dataset = NMnistSmall
