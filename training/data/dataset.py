"""The contract of every data set: windows of events with what is known of the scene."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket, SensorSize

Split = Literal["train", "val"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledWindow:
    """The events of one window and what is known of the scene at its end."""

    packet: EventPacket
    label: str | None = None
    """What the window shows."""
    class_ids: npt.NDArray[np.uint8] | None = None
    """(H, W) indices into the data set's segmentation labels, 255 where unknown."""
    depth_m: npt.NDArray[np.float32] | None = None
    """(H, W) metres, 0 where unknown."""
    embedding: npt.NDArray[np.float32] | None = None
    """(D,) what a frozen image teacher says of the picture behind the window."""
    image: npt.NDArray[np.uint8] | None = None
    """(H, W, 3) RGB that the sensor's pixels would see at the window's end."""
    previous: npt.NDArray[np.uint8] | None = None
    """(H, W, 3) RGB at its start."""


class DataSet(Protocol):
    """Labelled windows, made on demand and entirely decided by the arguments."""

    name: str
    recognition_labels: tuple[str, ...]
    segmentation_labels: tuple[str, ...]
    is_film: bool
    """Whether pictures of neighbouring windows resemble one another: those of a film do, those of
    separate things do not."""

    def num_windows(self, split: Split) -> int:
        """How many different windows a split holds; endless ones say how many make an epoch."""
        ...

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
        """Return window ``index`` of a split as ``sensor`` sees it; recorded ones keep their own.

        ``seed`` varies motion and noise; with ``augment`` also the camera and the view, widely.
        ``with_images`` asks for ``image`` and ``previous`` too, where the data set has pictures.
        """
        ...


@runtime_checkable
class Sequential(DataSet, Protocol):
    """A data set that also shows consecutive windows of one scene; to be subclassed."""

    is_film: bool = True

    @abstractmethod
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
        """Return ``num_windows`` windows that touch, the first or the last of them ``index``."""

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
        ways = {"augment": augment, "with_images": with_images}
        return self.sequence(split, index, seed, sensor, window_us, 1, **ways)[0]
