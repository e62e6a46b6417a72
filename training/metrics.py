"""Figures of merit, accumulated window by window; numpy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class TopK:
    """Share of windows whose label is among the k likeliest."""

    def __init__(self, ks: tuple[int, ...] = (1, 5)) -> None:
        self.ks = ks
        self.num_right = dict.fromkeys(ks, 0)
        self.num = 0

    def add(self, scores: npt.NDArray[np.float32], label: int) -> None:
        """Count one window with (K,) scores and its true index."""
        rank = int(np.sum(scores > scores[label]))
        self.num += 1
        for k in self.ks:
            self.num_right[k] += rank < k

    def result(self) -> dict[str, float]:
        """Return top-k accuracy in percent for each k."""
        return {f"top{k}_percent": 100 * self.num_right[k] / max(self.num, 1) for k in self.ks}


class IntersectionOverUnion:
    """Intersection over union of each class, over all pixels of all windows together."""

    def __init__(self, num_classes: int) -> None:
        self.confusion = np.zeros((num_classes, num_classes), np.int64)

    def add(
        self, predicted: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8], *, unknown: int = 255
    ) -> None:
        """Count the pixels of one window whose truth is known."""
        known = truth != unknown
        num = len(self.confusion)
        pairs = truth[known].astype(np.int64) * num + predicted[known]
        self.confusion += np.bincount(pairs, minlength=num * num).reshape(num, num)

    def per_class(self) -> npt.NDArray[np.float64]:
        """Return (C,) in percent; nan for a class that is neither seen nor said."""
        right = np.diag(self.confusion).astype(np.float64)
        union = self.confusion.sum(0) + self.confusion.sum(1) - right
        share: npt.NDArray[np.float64] = np.divide(
            right, union, out=np.full(len(right), np.nan), where=union > 0
        )
        return 100 * share

    def mean(self) -> float:
        """Return the mean over the classes that occur in the truth, in percent."""
        occurs = self.confusion.sum(1) > 0
        return float(np.mean(self.per_class()[occurs])) if occurs.any() else float("nan")


class AbsoluteRelativeError:
    """Mean of |predicted - true| / true over all pixels with known depth (AbsRel).

    Kept beside it: the same of a constant, as the figure to beat.
    """

    def __init__(self, constant_m: float) -> None:
        self.constant_m = constant_m
        self.num = 0
        self.sum = self.sum_of_constant = 0.0

    def add(self, predicted_m: npt.NDArray[np.float32], truth_m: npt.NDArray[np.float32]) -> None:
        """Count the pixels of one window whose truth is positive."""
        known = truth_m > 0
        truth = truth_m[known].astype(np.float64)
        self.num += len(truth)
        self.sum += float(np.sum(np.abs(predicted_m[known] - truth) / truth))
        self.sum_of_constant += float(np.sum(np.abs(self.constant_m - truth) / truth))

    def result(self) -> dict[str, float]:
        """Return AbsRel, that of the constant, and how far below it the first lies in percent."""
        value, constant = self.sum / max(self.num, 1), self.sum_of_constant / max(self.num, 1)
        below = 100 * (1 - value / constant) if constant else float("nan")
        return {"abs_rel": value, "abs_rel_of_mean": constant, "below_mean_percent": below}
