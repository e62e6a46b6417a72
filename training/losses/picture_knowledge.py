"""Losses against what a frozen network says of pictures: features of cells, scores of classes.

Source of the setting: Hinton et al., "Distilling the Knowledge in a Neural Network", arXiv
1503.02531; features by cosine.
"""

# B batch, D width of a token, M channels of the taught map, C classes

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy, interpolate


class FeatureHead(nn.Linear):
    """Says another network's features from a map of tokens."""

    def distance(self, map_BDHW: Tensor, taught_BMhw: Tensor) -> Tensor:
        """Return 1 - cosine to the taught features, the mean over their cells."""
        here = interpolate(map_BDHW.float(), taught_BMhw.shape[2:], mode="bilinear")
        said = self(here.permute(0, 2, 3, 1)).float()
        return 1 - cosine_similarity(said, taught_BMhw.permute(0, 2, 3, 1).float(), dim=-1).mean()


def cross_entropy_of_known(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the mean cross-entropy over what has a label, not -1; 0 where nothing has."""
    total = cross_entropy(
        logits, labels, ignore_index=-1, reduction="sum", label_smoothing=smoothing
    )
    return total / (labels >= 0).sum().clamp(min=1)


def labels_of_patches(class_ids_BHW: Tensor, patch_size: int, unknown: int) -> Tensor:
    """Return the (B, H / patch, W / patch) class in the middle of each patch, -1 where unknown."""
    middle = patch_size // 2
    labels = class_ids_BHW[:, middle::patch_size, middle::patch_size].long()
    return labels.masked_fill(labels == unknown, -1)
