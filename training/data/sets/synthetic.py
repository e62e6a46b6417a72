"""The synthetic scenes as a training set without end: kind, classes and depth, all exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from events.packet import SensorSize
from events.simulate.kinds import KINDS, SEGMENTATION_LABELS
from events.simulate.scene import SampledWindow, sample_windows
from events.simulate.truth import dominant_kind
from training.data.dataset import LabelledWindow, Sequential, Split
from training.data.folder import brightness

EPOCH = 20_000
NUM_HELD_OUT = 500
HELD_OUT_SEED = 2**40
"""Training seeds are below 2**31, so no held-out scene is ever trained on."""


class Synthetic(Sequential):
    """Windows of random scenes; ``val`` is scenes that training never draws."""

    name = "synthetic"
    recognition_labels = KINDS
    segmentation_labels = SEGMENTATION_LABELS

    def __init__(self, root: Path) -> None:
        """Read nothing: all is made."""

    def num_windows(self, split: Split) -> int:
        return EPOCH if split == "train" else NUM_HELD_OUT

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
        scene_seed = seed % 2**31 if split == "train" else HELD_OUT_SEED + seed * EPOCH + index
        windows = sample_windows(scene_seed, sensor, window_us, num_windows)
        return [_labelled(sampled, with_images=with_images) for sampled in windows]


def _labelled(sampled: SampledWindow, *, with_images: bool) -> LabelledWindow:
    packet, truth, at_start = sampled
    image, previous = (
        np.repeat(brightness(light)[:, :, None], 3, axis=2) if with_images else None
        for light in (truth.intensity, at_start)
    )
    return LabelledWindow(
        packet=packet,
        image=image,
        previous=previous,
        label=dominant_kind(truth),
        class_ids=truth.class_ids,
        depth_m=truth.depth_m,
    )


dataset = Synthetic
