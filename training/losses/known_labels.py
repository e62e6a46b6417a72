"""Losses of labels some of which are unknown: -1 counts nowhere.

Means are over what all processes know together: see ``global_count``.
"""

# B batch, H height, W width

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from models.global_batch import global_count


def cross_entropy_of_known(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the mean cross-entropy over what has a label, not -1; 0 where nothing has."""
    total = cross_entropy(
        logits, labels, ignore_index=-1, reduction="sum", label_smoothing=smoothing
    )
    return total / global_count((labels >= 0).sum())


def accuracy_of_known(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of what has a label, not -1, whose largest logit is its label's."""
    is_known = labels >= 0
    is_right = (logits.argmax(-1) == labels) & is_known
    return is_right.sum() / global_count(is_known.sum())


def labels_of_patches(class_ids_BHW: Tensor, patch_size: int, unknown: int) -> Tensor:
    """Return the (B, H / patch, W / patch) class in the middle of each patch, -1 where unknown."""
    middle = patch_size // 2
    labels = class_ids_BHW[:, middle::patch_size, middle::patch_size].long()
    return labels.masked_fill(labels == unknown, -1)
