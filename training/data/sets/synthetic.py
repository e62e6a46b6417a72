"""The synthetic scenes as a training set without end: kind, classes and depth, all exact."""

from __future__ import annotations

from events.packet import SensorSize
from events.simulate.kinds import KINDS, SEGMENTATION_LABELS
from events.simulate.scene import sample_window
from events.simulate.truth import dominant_kind
from training.data.labelled import LabelledWindow, Split

EPOCH = 20_000
NUM_HELD_OUT = 500
HELD_OUT_SEED = 2**40
"""Training seeds are below 2**31, so no held-out scene is ever trained on."""


class Synthetic:
    """Windows of random scenes; ``val`` is scenes that training never draws."""

    name = "synthetic"
    recognition_labels = KINDS
    segmentation_labels = SEGMENTATION_LABELS

    def num_windows(self, split: Split) -> int:
        return EPOCH if split == "train" else NUM_HELD_OUT

    def window(
        self,
        split: Split,
        index: int,
        seed: int,
        sensor: SensorSize,
        window_us: int,
        *,
        augment: bool = False,
    ) -> LabelledWindow:
        scene_seed = seed % 2**31 if split == "train" else HELD_OUT_SEED + seed * EPOCH + index
        packet, truth = sample_window(scene_seed, sensor, window_us)
        return LabelledWindow(
            packet=packet,
            label=dominant_kind(truth),
            class_ids=truth.class_ids,
            depth_m=truth.depth_m,
        )


dataset = Synthetic
