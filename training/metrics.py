"""Figures of merit, accumulated window by window; numpy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class TopK:
    """Share of windows whose label is among the k likeliest; where others tie, it comes last."""

    def __init__(self, ks: tuple[int, ...] = (1, 5)) -> None:
        self.ks = ks
        self.num_right = dict.fromkeys(ks, 0)
        self.num = 0

    def add(self, scores: npt.NDArray[np.float32], label: int) -> None:
        """Count one window with (K,) scores and its true index."""
        rank = int(np.sum(~(scores < scores[label]))) - 1  # NaN is below nothing
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

    def mean_accuracy(self) -> float:
        """Return the mean share of a class' pixels that are said to be of it, in percent (mAcc)."""
        num = self.confusion.sum(1)
        share = np.diag(self.confusion)[num > 0] / num[num > 0]
        return float(100 * share.mean()) if len(share) else float("nan")


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


class DepthErrors:
    """What depth is judged by beside AbsRel, over all pixels with known depth together.

    Abs, RMSE, RMSE of the natural logarithms and the shares of pixels whose depth is wrong by less
    than a factor of 1.25, 1.25^2 and 1.25^3 (Eigen et al., NIPS 2014, arXiv 1406.2283); Abs of what
    is truly nearer than 10, 20 and 30 m (Zhu et al., CVPR 2019; E2Depth, arXiv 2010.08350). Depth
    is not aligned with the truth first.
    """

    FACTOR = 1.25
    CUT_OFFS_M = (10, 20, 30)
    LEAST_M = 1e-3
    """A nearer prediction counts as this, to have a logarithm."""

    def __init__(self) -> None:
        self.num = 0
        self._sums = np.zeros(3)
        """Of |error|, error squared and logarithmic error squared."""
        self._num_within = np.zeros(3, np.int64)
        self._num_near = np.zeros(len(self.CUT_OFFS_M), np.int64)
        self._sum_near = np.zeros(len(self.CUT_OFFS_M))

    def add(self, predicted_m: npt.NDArray[np.float32], truth_m: npt.NDArray[np.float32]) -> None:
        """Count the pixels of one window whose truth is positive."""
        known = truth_m > 0
        truth = truth_m[known].astype(np.float64)
        predicted = predicted_m[known].astype(np.float64).clip(self.LEAST_M)
        error, ratio = np.abs(predicted - truth), np.abs(np.log(predicted / truth))
        self.num += len(truth)
        self._sums += [error.sum(), np.square(error).sum(), np.square(ratio).sum()]
        for power in range(3):
            self._num_within[power] += np.sum(ratio < (power + 1) * np.log(self.FACTOR))
        for i, cut_off_m in enumerate(self.CUT_OFFS_M):
            is_near = truth < cut_off_m
            self._num_near[i] += is_near.sum()
            self._sum_near[i] += error[is_near].sum()

    def result(self) -> dict[str, float]:
        """Return the figures; Abs up to a cut-off only where the truth is ever so near."""
        absolute, squared, logarithmic = (self._sums / max(self.num, 1)).tolist()
        figures = {"abs_m": absolute, "rmse_m": squared**0.5, "rmse_log": logarithmic**0.5}
        for power, num in enumerate(self._num_within.tolist(), 1):
            figures[f"delta{power}_percent"] = 100 * num / max(self.num, 1)
        for cut_off_m, num, total in zip(
            self.CUT_OFFS_M, self._num_near.tolist(), self._sum_near.tolist(), strict=True
        ):
            if num:
                figures[f"abs_to_{cut_off_m}m_m"] = total / num
        return figures
