"""What features hold, read out by the simplest means: k nearest neighbours and a ridge regression.

Sources: weighted k-NN as in Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance
Discrimination", CVPR 2018, and DINO (Caron et al., ICCV 2021); a linear probe as a ridge regression
to one-hot labels, whose strength is chosen on a held-out fifth of the training rows.
"""

# N training rows, M rows to predict, D features, K outputs

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

STRENGTHS = tuple(float(value) for value in 10.0 ** np.arange(-4, 4))
"""Of the ridge, relative to the mean variance of the features."""
HELD_OUT = 5
"""Every so-many-th training row chooses the strength."""


def knn(
    train_ND: FloatArray,
    labels_N: IntArray,
    rows_MD: FloatArray,
    num_labels: int,
    *,
    k: int = 20,
    temperature: float = 0.07,
) -> FloatArray:
    """Return the (M, num_labels) votes of each row's ``k`` nearest neighbours by cosine.

    A neighbour's vote weighs exp(cosine / temperature).
    """
    train_ND, rows_MD = _unit(train_ND), _unit(rows_MD)
    k = min(k, len(train_ND))
    votes_MK = np.zeros((len(rows_MD), num_labels), np.float32)
    for first in range(0, len(rows_MD), 1024):
        cosine = rows_MD[first : first + 1024] @ train_ND.T
        nearest = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        weights = np.exp((np.take_along_axis(cosine, nearest, 1) - 1) / temperature)
        rows = np.arange(first, first + len(cosine))[:, None]
        np.add.at(votes_MK, (rows, labels_N[nearest]), weights)
    return votes_MK


def linear_probe(
    train_ND: FloatArray, labels_N: IntArray, rows_MD: FloatArray, num_labels: int
) -> FloatArray:
    """Return the (M, num_labels) scores of a ridge regression to one-hot labels."""
    targets_NK = np.eye(num_labels, dtype=np.float32)[labels_N]

    def error(said_MK: FloatArray, truth_MK: FloatArray) -> float:
        return float((said_MK.argmax(1) != truth_MK.argmax(1)).mean())

    return ridge(train_ND, targets_NK, rows_MD, error)


def ridge(
    train_ND: FloatArray,
    targets_NK: FloatArray,
    rows_MD: FloatArray,
    error: Callable[[FloatArray, FloatArray], float],
) -> FloatArray:
    """Return the (M, K) predictions of a ridge regression; ``error`` chooses its strength.

    Features are standardised; the constant is not shrunk.
    """
    mean_D, scale_D = train_ND.mean(0), np.maximum(train_ND.std(0), 1e-6)
    train, rows = (train_ND - mean_D) / scale_D, (rows_MD - mean_D) / scale_D
    is_held = np.arange(len(train)) % HELD_OUT == 0
    fitted = [_Ridge(train[~is_held], targets_NK[~is_held]), _Ridge(train, targets_NK)]
    errors = [
        error(fitted[0].predict(train[is_held], strength), targets_NK[is_held])
        for strength in STRENGTHS
    ]
    return fitted[1].predict(rows, STRENGTHS[int(np.argmin(errors))])


def share_right(scores_MK: FloatArray, labels_M: IntArray) -> float:
    """Return the share of rows whose best score is their label's."""
    return float((scores_MK.argmax(1) == labels_M).mean())


class _Ridge:
    """One eigendecomposition serves every strength."""

    def __init__(self, train_ND: FloatArray, targets_NK: FloatArray) -> None:
        train = train_ND.astype(np.float64)
        self._mean_D, self._mean_K = train.mean(0), targets_NK.mean(0, dtype=np.float64)
        centred = train - self._mean_D
        self._values, self._vectors = np.linalg.eigh(centred.T @ centred)
        self._products = self._vectors.T @ (centred.T @ (targets_NK - self._mean_K))

    def predict(self, rows_MD: FloatArray, strength: float) -> FloatArray:
        shrunk = self._values.clip(min=0) + strength * max(float(self._values.mean()), 1e-12)
        weights_DK = self._vectors @ (self._products / shrunk[:, None])
        said_MK: FloatArray = ((rows_MD - self._mean_D) @ weights_DK + self._mean_K).astype(
            np.float32
        )
        return said_MK


def _unit(rows_ND: FloatArray) -> FloatArray:
    length = np.maximum(np.linalg.norm(rows_ND, axis=1, keepdims=True), 1e-12)
    unit: FloatArray = (rows_ND / length).astype(np.float32)
    return unit
