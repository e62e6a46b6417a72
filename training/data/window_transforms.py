"""Random transforms of labelled windows: events, pictures and dense labels together.

The first four are the augmentation of Jeong et al., "Expanding Event Modality Applications through
a Robust CLIP-Based Encoder", arXiv 2412.03093, as released; there the picture stays as it is, here
it moves with its events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from events import transforms
from events.packet import SensorSize
from models.heads.segmentation import UNKNOWN
from training.choices import unknown
from training.data.dataset import LabelledWindow

WindowTransform = Callable[[LabelledWindow, np.random.Generator], LabelledWindow]

CHANCE = 0.5
"""Of flips."""
LARGEST_SHIFT = 20 / 224
"""Share of the sensor's smaller side: 20 of 224 pixels."""
NOISE_SHARE = (100 / 30_000, 5_000 / 30_000)
"""Added events over those there: 100 to 5,000 to 30,000."""
LEAST_AREA = 0.45
"""Share of the sensor's area that a crop shows."""
LARGEST_DROP = 0.3
"""Share of events; no paper's."""


def time_flip(window: LabelledWindow, rng: np.random.Generator) -> LabelledWindow:
    """Run half of the windows backwards; what is known of the new end is the picture alone."""
    if rng.random() >= CHANCE:
        return window
    return replace(
        window,
        packet=transforms.flip_time(window.packet),
        image=window.previous,
        previous=window.image,
        class_ids=None,
        depth_m=None,
    )


def shift(window: LabelledWindow, rng: np.random.Generator) -> LabelledWindow:
    """Move by up to 9 % of the smaller side along each axis; what comes in is unknown."""
    sensor = window.packet.sensor
    limit = round(LARGEST_SHIFT * min(sensor.width, sensor.height))
    right, down = (int(step) for step in rng.integers(-limit, limit + 1, 2))
    packet = transforms.shift(window.packet, right, down)
    moved = replace(window, packet=packet)
    return _moved(moved, lambda plane, empty: _shifted(plane, right, down, empty))


def correlated_noise(window: LabelledWindow, rng: np.random.Generator) -> LabelledWindow:
    """Scatter copies of 0.3 to 17 % of the events around them."""
    num = round(float(rng.uniform(*NOISE_SHARE)) * len(window.packet))
    return replace(window, packet=transforms.add_correlated_noise(window.packet, num, rng))


def resized_crop(window: LabelledWindow, rng: np.random.Generator) -> LabelledWindow:
    """Show 45 to 100 % of the area in the sensor's own aspect ratio; the input enlarges it.

    What is enlarged counts as that much nearer (Yin et al., "Metric3D", ICCV 2023).
    """
    sensor = window.packet.sensor
    scale = float(np.sqrt(rng.uniform(LEAST_AREA, 1)))
    size = SensorSize(max(round(scale * sensor.width), 1), max(round(scale * sensor.height), 1))
    left = int(rng.integers(sensor.width - size.width + 1))
    top = int(rng.integers(sensor.height - size.height + 1))
    rows, columns = slice(top, top + size.height), slice(left, left + size.width)
    packet = transforms.crop(window.packet, left, top, size)
    cropped = _moved(replace(window, packet=packet), lambda plane, _: plane[rows, columns])
    if cropped.depth_m is None:
        return cropped
    return replace(cropped, depth_m=cropped.depth_m * np.float32(scale))


def mirror(window: LabelledWindow, rng: np.random.Generator) -> LabelledWindow:
    """Exchange left and right of half of the windows."""
    if rng.random() >= CHANCE:
        return window
    packet = transforms.mirror(window.packet)
    return _moved(replace(window, packet=packet), lambda plane, _: plane[:, ::-1])


def drop(window: LabelledWindow, rng: np.random.Generator) -> LabelledWindow:
    """Lose up to 30 % of the events."""
    share = float(rng.uniform(0, LARGEST_DROP))
    return replace(window, packet=transforms.drop(window.packet, share, rng))


TRANSFORMS: dict[str, WindowTransform] = {
    each.__name__: each for each in (time_flip, shift, correlated_noise, resized_crop, mirror, drop)
}
PUBLISHED_CLIP_EVENT = ("time_flip", "shift", "correlated_noise", "resized_crop", "mirror")


def chosen(names: Sequence[str]) -> list[WindowTransform]:
    """Return transforms by name, in order.

    Raises:
        ValueError: there is none of that name.
    """
    for name in names:
        if name not in TRANSFORMS:
            raise unknown("transform", name, TRANSFORMS)
    return [TRANSFORMS[name] for name in names]


Plane = npt.NDArray[Any]


def _moved(window: LabelledWindow, move: Callable[[Plane, int], Plane]) -> LabelledWindow:
    """Return the window with ``move`` applied to all that lies on its pixels.

    ``move`` is given a plane and what stands for unknown in it.
    """

    def moved(plane: Plane | None, empty: int) -> Any:
        return None if plane is None else np.ascontiguousarray(move(plane, empty))

    return replace(
        window,
        image=moved(window.image, 0),
        previous=moved(window.previous, 0),
        class_ids=moved(window.class_ids, UNKNOWN),
        depth_m=moved(window.depth_m, 0),
    )


def _shifted(plane: Plane, right: int, down: int, empty: int) -> Plane:
    height, width = plane.shape[:2]
    out = np.full_like(plane, empty)
    to_rows = slice(max(down, 0), height + min(down, 0))
    to_columns = slice(max(right, 0), width + min(right, 0))
    from_rows = slice(max(-down, 0), height + min(-down, 0))
    from_columns = slice(max(-right, 0), width + min(-right, 0))
    out[to_rows, to_columns] = plane[from_rows, from_columns]
    return out
