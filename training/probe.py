"""What frozen features are worth: nearest neighbours and a linear classifier, without training.

Sources: Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination",
CVPR 2018 (weighted neighbours, as DINO, arXiv 2104.14294, measures); ridge regression on one-hot
labels for the classifier, in closed form.
"""

# N training samples, V validation samples, D width of a feature, C classes

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

CHUNK = 1024
"""Validation samples compared at once, which bounds memory."""


def knn(
    train_ND: Tensor,
    train_labels_N: Tensor,
    val_VD: Tensor,
    val_labels_V: Tensor,
    *,
    num_neighbours: int = 20,
    temperature: float = 0.07,
) -> float:
    """Return the share of validation samples whose neighbours name their label.

    Each of the nearest by cosine votes for its label with exp(cosine / ``temperature``).

    Raises:
        ValueError: there is nothing to compare.
    """
    num_classes = _num_classes(train_labels_N, val_labels_V)
    train_ND = normalize(train_ND.float(), dim=-1)
    num_neighbours = min(num_neighbours, len(train_ND))
    right = 0
    for start in range(0, len(val_VD), CHUNK):
        part = normalize(val_VD[start : start + CHUNK].float(), dim=-1)
        cosines, which = (part @ train_ND.T).topk(num_neighbours, dim=-1)
        votes = torch.zeros(len(part), num_classes, device=part.device)
        votes.scatter_add_(1, train_labels_N[which], (cosines / temperature).exp())
        right += int((votes.argmax(-1) == val_labels_V[start : start + CHUNK]).sum())
    return right / len(val_VD)


def linear_probe(
    train_ND: Tensor,
    train_labels_N: Tensor,
    val_VD: Tensor,
    val_labels_V: Tensor,
    *,
    penalty: float = 1e-2,
) -> float:
    """Return the share of validation samples that a linear classifier of the features gets right.

    Args:
        train_ND: Features; each column is brought to mean 0 and spread 1 by these.
        train_labels_N: Labels, from 0.
        val_VD: Features to be classified.
        val_labels_V: Their labels.
        penalty: Of the squared weights, for each training sample.

    Raises:
        ValueError: there is nothing to compare.
    """
    num_classes = _num_classes(train_labels_N, val_labels_V)
    train_ND, val_VD = train_ND.double(), val_VD.double()
    mean, std = train_ND.mean(0), train_ND.std(0, correction=0).clamp(min=1e-6)
    even_ND = (train_ND - mean) / std
    wanted_NC = one_hot(train_labels_N, num_classes).double()
    offset_C = wanted_NC.mean(0)
    gram_DD = even_ND.T @ even_ND / len(even_ND)
    gram_DD += penalty * torch.eye(len(gram_DD), dtype=gram_DD.dtype, device=gram_DD.device)
    moment_DC = even_ND.T @ (wanted_NC - offset_C) / len(even_ND)
    weights_DC = torch.linalg.solve(gram_DD, moment_DC)
    said_VC = (val_VD - mean) / std @ weights_DC + offset_C
    return float((said_VC.argmax(-1) == val_labels_V).double().mean())


def _num_classes(train_labels_N: Tensor, val_labels_V: Tensor) -> int:
    if not len(train_labels_N) or not len(val_labels_V):
        raise ValueError(
            f"a probe needs samples, got {len(train_labels_N)} to learn from and "
            f"{len(val_labels_V)} to measure on"
        )
    return int(max(train_labels_N.max(), val_labels_V.max())) + 1
