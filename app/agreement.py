"""Agreement: how well predictions fit a synthetic scene's ground truth, summed over a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from events.simulate.kinds import SEGMENTATION_LABELS
from events.simulate.truth import Frame, dominant_kind
from models.results import Depth, Prediction, Segmentation

MIN_FRACTION = 0.02
"""Share of the picture that the dominant object must cover for its kind to be asked for."""
NUM_LABELS = len(SEGMENTATION_LABELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Agreement over a run; None where there was nothing to compare."""

    num_windows: int
    kind_accuracy: float | None
    """Share of windows whose dominant object's kind was the likeliest label."""
    mean_iou: float | None
    """Intersection over union, averaged over the classes that occurred."""
    abs_rel: float | None
    """Mean of |depth - truth| / truth over all pixels."""

    def __str__(self) -> str:
        parts = []
        if self.kind_accuracy is not None:
            parts.append(f"kind right {100 * self.kind_accuracy:.0f} %")
        if self.mean_iou is not None:
            parts.append(f"mIoU {100 * self.mean_iou:.0f} %")
        if self.abs_rel is not None:
            parts.append(f"depth AbsRel {self.abs_rel:.2f}")
        return "   ".join(parts) or "no predictions to compare"


class Agreement:
    """Adds up windows; one thread at a time."""

    def __init__(self) -> None:
        self._num_windows = 0
        self._num_kinds = 0
        self._num_right = 0
        self._confusion = np.zeros((NUM_LABELS, NUM_LABELS + 1), np.int64)
        self._abs_rel_sum = 0.0
        self._num_depths = 0

    def add(self, prediction: Prediction, truth: Frame) -> bool | None:
        """Add a window; return whether the kind was right, None if there was none to name."""
        self._num_windows += 1
        if prediction.segmentation is not None:
            self._confusion += confusion(prediction.segmentation, truth)
        if prediction.depth is not None:
            self._abs_rel_sum += abs_rel(prediction.depth, truth)
            self._num_depths += 1
        kind = dominant_kind(truth, MIN_FRACTION)
        if prediction.recognition is None or kind is None:
            return None
        is_right = prediction.recognition.top(1)[0][0] == kind
        self._num_kinds += 1
        self._num_right += is_right
        return is_right

    def figures(self) -> Figures:
        """Return the agreement so far."""
        return Figures(
            num_windows=self._num_windows,
            kind_accuracy=self._num_right / self._num_kinds if self._num_kinds else None,
            mean_iou=mean_iou(self._confusion),
            abs_rel=self._abs_rel_sum / self._num_depths if self._num_depths else None,
        )


def confusion(segmentation: Segmentation, truth: Frame) -> npt.NDArray[np.int64]:
    """Return pixel counts (truth, said); the last column is for labels that scenes do not have."""
    place = {label: i for i, label in enumerate(SEGMENTATION_LABELS)}
    table = np.array([place.get(label, NUM_LABELS) for label in segmentation.labels], np.int64)
    pair = truth.class_ids.astype(np.int64) * (NUM_LABELS + 1) + table[segmentation.class_ids]
    counts = np.bincount(pair.ravel(), minlength=NUM_LABELS * (NUM_LABELS + 1))
    return counts.reshape(NUM_LABELS, NUM_LABELS + 1)


def mean_iou(counts: npt.NDArray[np.int64]) -> float | None:
    """Return the mean over classes that occur in the truth; None if none does."""
    right = np.diag(counts[:, :NUM_LABELS])
    true, said = counts.sum(axis=1), counts[:, :NUM_LABELS].sum(axis=0)
    occurs = true > 0
    if not occurs.any():
        return None
    return float(np.mean(right[occurs] / (true + said - right)[occurs]))


def abs_rel(depth: Depth, truth: Frame) -> float:
    """Return the mean relative error of depth."""
    return float(np.mean(np.abs(depth.depth_m - truth.depth_m) / truth.depth_m))
