"""Labelled windows of still pictures: a virtual event camera moves over them."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket, SensorSize
from events.simulate.contrast import ContrastConfig, events_from_frames
from events.simulate.planar import PlanarConfig, PlanarMotion, planar_frames

NUM_FRAMES = 10
"""Rendered frames a window; the simulator interpolates log intensity between them."""

LARGEST_ZOOM_CHANGE = 0.9
"""Of a whole sequence, however long."""

FIXED_CONTRAST = ContrastConfig(
    threshold_on=0.25,
    threshold_off=0.25,
    threshold_sigma=0.03,
    shot_noise_rate_hz=1.0,
    has_random_phase=True,
)
"""The camera of every held-out window."""


def random_contrast(rng: np.random.Generator | None) -> ContrastConfig:
    """Return a camera drawn from those on sale, or the held-out one without a generator."""
    if rng is None:
        return FIXED_CONTRAST
    threshold = float(rng.uniform(0.15, 0.45))
    return ContrastConfig(
        threshold_on=threshold,
        threshold_off=threshold * float(rng.uniform(0.8, 1.25)),
        threshold_sigma=float(rng.uniform(0, 0.05)),
        shot_noise_rate_hz=float(rng.choice([0.0, 1.0, 5.0])),
        has_random_phase=True,
    )


class Film(NamedTuple):
    """One window of the virtual camera's way over a picture."""

    packet: EventPacket
    class_ids: npt.NDArray[np.uint8] | None
    """(H, W) the picture's labels as they lie at the end."""
    image: npt.NDArray[np.uint8] | None
    """(H, W, 3) the coloured picture at the end, where one was given."""
    previous: npt.NDArray[np.uint8] | None
    """(H, W, 3) the same at the start."""


def film(
    picture: npt.NDArray[np.float32],
    class_ids: npt.NDArray[np.uint8] | None,
    sensor: SensorSize,
    window_us: int,
    motion: PlanarConfig,
    rng: np.random.Generator,
    *,
    augment: bool,
    colour: npt.NDArray[np.uint8] | None = None,
    num_windows: int = 1,
) -> list[Film]:
    """Return the events of one pass over a picture, and what it shows at each window's ends.

    Args:
        picture: (h, w) linear intensity in [0, 1].
        class_ids: (h, w) labels of the picture, if it has any.
        sensor: Size of the virtual camera.
        window_us: How long a window takes.
        motion: Ranges of the path within one window.
        rng: Decides the path, the noise and, in training, the camera.
        augment: Whether cameras vary and pictures are flipped.
        colour: (h, w, 3) RGB of the same picture, to be shown at both ends.
        num_windows: Consecutive windows along one path, which is that many times as long.
    """
    if augment and rng.random() < 0.5:
        picture = picture[:, ::-1]
        class_ids = None if class_ids is None else class_ids[:, ::-1]
        colour = None if colour is None else colour[:, ::-1]
    picture = np.ascontiguousarray(picture)
    motion = _lengthened(motion, num_windows)
    path = PlanarMotion((picture.shape[0], picture.shape[1]), sensor, rng, motion)
    num_frames = num_windows * (NUM_FRAMES - 1) + 1
    frames = planar_frames(picture, sensor, num_frames, rng, motion, motion=path)
    times_us = np.linspace(0, num_windows * window_us, num_frames, dtype=np.int64)
    config = random_contrast(rng if augment else None)
    packet = events_from_frames(frames, times_us, config, int(rng.integers(2**31)))
    phases = [i / num_windows for i in range(num_windows + 1)]
    views = None if colour is None else [_view(colour, path, sensor, each) for each in phases]
    return [
        Film(
            packet.between(i * window_us, (i + 1) * window_us),
            None
            if class_ids is None
            else path.warp_labels(np.ascontiguousarray(class_ids), phases[i + 1]),
            None if views is None else views[i + 1],
            None if views is None else views[i],
        )
        for i in range(num_windows)
    ]


def _lengthened(motion: PlanarConfig, num_windows: int) -> PlanarConfig:
    """Return the ranges of a path of several windows, as fast as one is."""
    low, high = motion.translation
    return replace(
        motion,
        translation=(low * num_windows, high * num_windows),
        rotation_rad=motion.rotation_rad * num_windows,
        zoom_change=min(
            motion.zoom_change * num_windows, max(motion.zoom_change, LARGEST_ZOOM_CHANGE)
        ),
    )


def _view(
    colour: npt.NDArray[np.uint8], path: PlanarMotion, sensor: SensorSize, phase: float
) -> npt.NDArray[np.uint8]:
    """Return what the camera sees of an RGB picture at ``phase`` of its path, (H, W, 3)."""
    seen = np.empty((3, sensor.height, sensor.width), np.float32)
    for channel in range(3):
        plane = np.ascontiguousarray(colour[:, :, channel], np.float32)
        path.frame(plane, phase, seen[channel])
    return np.ascontiguousarray(np.clip(seen + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0))
