"""Which patches masked modelling hides: any, those with the most events, or those with the least.

Source: EventPretrain (arXiv 2508.05507), its release's masking strategies; ``random`` is the one
its runs use.
"""

# B batch, N patches, M visible patches

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from training.shared_draws import shared_rand

MaskStrategy = Literal["random", "density", "anti_density"]


def choose_visible(
    events: Tensor, patch_size: int, mask_ratio: float, strategy: MaskStrategy
) -> Tensor:
    """Return the (B, M) int64 indices of the patches left visible, M = floor(N (1 - mask_ratio)).

    A patch's density is the mean of its pixels' absolute sums over the bins, as in the release:
    a pixel's events of both polarities cancel.

    Args:
        events: (B, T, H, W) signed voxels.
        patch_size: Pixels per side.
        mask_ratio: Share of patches hidden.
        strategy: ``density`` hides the densest, ``anti_density`` the emptiest; ``random`` draws
            from the random numbers that all processes share.
    """
    height, width = events.shape[2] // patch_size, events.shape[3] // patch_size
    num_visible = int(height * width * (1 - mask_ratio))
    if strategy == "random":
        order_BN = shared_rand(len(events), height * width).to(events.device)
    else:
        order_BN = avg_pool2d(events.sum(1, keepdim=True).abs(), patch_size).flatten(1)
    order_BN = order_BN.argsort(dim=1, descending=strategy == "anti_density", stable=True)
    return order_BN[:, :num_visible]


def hidden_patches(keep_BM: Tensor, num_patches: int) -> Tensor:
    """Return (B, N) bool, true where a patch is not visible."""
    hidden_BN = torch.ones(len(keep_BM), num_patches, dtype=torch.bool, device=keep_BM.device)
    return hidden_BN.scatter(1, keep_BM, False)
