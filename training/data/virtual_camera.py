"""Labelled windows of still pictures: a virtual event camera moves over them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket, SensorSize
from events.simulate.contrast import ContrastConfig, events_from_frames
from events.simulate.planar import PlanarConfig, PlanarMotion, planar_frames

NUM_FRAMES = 10
"""Rendered frames a window; the simulator interpolates log intensity between them."""

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


def film(
    picture: npt.NDArray[np.float32],
    class_ids: npt.NDArray[np.uint8] | None,
    sensor: SensorSize,
    window_us: int,
    motion: PlanarConfig,
    rng: np.random.Generator,
    *,
    augment: bool,
) -> tuple[EventPacket, npt.NDArray[np.uint8] | None]:
    """Return the events of one pass over a picture, and its labels as they lie at the end.

    Args:
        picture: (h, w) linear intensity in [0, 1].
        class_ids: (h, w) labels of the picture, if it has any.
        sensor: Size of the virtual camera.
        window_us: How long the pass takes.
        motion: Ranges of the path.
        rng: Decides the path, the noise and, in training, the camera.
        augment: Whether cameras vary and pictures are flipped.
    """
    if augment and rng.random() < 0.5:
        picture = picture[:, ::-1]
        class_ids = None if class_ids is None else class_ids[:, ::-1]
    picture = np.ascontiguousarray(picture)
    path = PlanarMotion((picture.shape[0], picture.shape[1]), sensor, rng, motion)
    frames = planar_frames(picture, sensor, NUM_FRAMES, rng, motion, motion=path)
    times_us = np.linspace(0, window_us, NUM_FRAMES, dtype=np.int64)
    config = random_contrast(rng if augment else None)
    packet = events_from_frames(frames, times_us, config, int(rng.integers(2**31)))
    if class_ids is None:
        return packet, None
    return packet, path.warp_labels(np.ascontiguousarray(class_ids))
