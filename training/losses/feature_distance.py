"""How far the features that a student says of each cell are from those of a frozen network.

Source of the setting: Hinton et al., "Distilling the Knowledge in a Neural Network", arXiv
1503.02531; features by cosine.
"""

# B batch, D width of a token, M channels of the taught map

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, interpolate


class FeatureHead(nn.Linear):
    """Says another network's features from a map of tokens."""

    def distance(self, map_BDHW: Tensor, taught_BMhw: Tensor) -> Tensor:
        """Return 1 - cosine to the taught features, the mean over their cells."""
        here = interpolate(map_BDHW.float(), taught_BMhw.shape[2:], mode="bilinear")
        said = self(here.permute(0, 2, 3, 1)).float()
        return 1 - cosine_similarity(said, taught_BMhw.permute(0, 2, 3, 1).float(), dim=-1).mean()
