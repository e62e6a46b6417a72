"""L_is and L_cs of ScaleEvent: the likeness of every two tokens, as the image teacher sees it.

Source: "Scaling Dense Event-Stream Pretraining from Visual Foundation Models", arXiv 2603.03969:
intra-modal structure L_is compares event with event tokens, cross-modal structure L_cs event with
image tokens, both to image with image tokens.

An N x N matrix of 4,800 tokens takes 92 MB for each sample, and autograd would keep several: the
matrices are made a stretch of rows at a time, and made again for the gradient. Values and gradients
are exact.
"""

# B batch, N patches, R rows of one stretch, D width of a token; E event, I image

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch.utils.checkpoint import checkpoint

from training.losses.masked_l1 import Form

LEAST_SIMILARITY = 0.1
"""Pairs of image tokens that are less alike teach nothing, in the released code."""
STRETCH_ENTRIES = 1 << 22
"""Entries of one stretch of a similarity matrix: 16 MB, of which a few exist at once. Forward and
backward of 4 samples of 4,800 tokens of width 384 add 1.1 GB to a process."""


class Structure(NamedTuple):
    """The two scalar losses."""

    intra: Tensor
    """L_is."""
    cross: Tensor
    """L_cs."""


def token_similarity(
    event_BND: Tensor,
    image_BND: Tensor,
    active_BN: Tensor,
    *,
    form: Form,
    stretch_entries: int = STRETCH_ENTRIES,
) -> Structure:
    """Return how far similarities with event tokens are from those among image tokens.

    ``paper``: K* = K M and Q* = Q M are the event and image tokens times the mask;
    L_is = 1/N sum_n || K*_n K*^T - Q*_n Q*^T ||_1, L_cs = 1/N sum_n || K*_n Q*^T - Q*_n Q*^T ||_1.
    ``code``: cosines instead of products, S_ee = e e^T, S_ie = i e^T and S_ii = i i^T; negative
    ones become 0, and all three are 0 where S_ii <= 0.1; L_is = MSE(S_ee, S_ii) and
    L_cs = MSE(S_ie, S_ii).

    Args:
        event_BND: The student's tokens.
        image_BND: The teacher's.
        active_BN: 1 where a patch has events, else 0.
        form: Whose equation.
        stretch_entries: Bounds the memory; decides no value.
    """
    masked = active_BN.unsqueeze(-1).float()
    event_BND, image_BND = event_BND.float(), image_BND.float()
    if form == "code":
        event_BND, image_BND = normalize(event_BND, dim=-1), normalize(image_BND, dim=-1)
    event_BND, image_BND = event_BND * masked, image_BND * masked
    batch, num_patches, _ = event_BND.shape
    num_rows = max(1, stretch_entries // (batch * num_patches))
    compare = _compare_cosines if form == "code" else _compare_products
    intra = cross = event_BND.new_zeros(())
    with torch.autocast(event_BND.device.type, enabled=False):
        for first in range(0, num_patches, num_rows):
            rows = slice(first, first + num_rows)
            stretch = (event_BND[:, rows], image_BND[:, rows], event_BND, image_BND)
            sums = checkpoint(compare, *stretch, use_reentrant=False, preserve_rng_state=False)
            intra, cross = intra + sums[0], cross + sums[1]
    scale = 1 / (batch * num_patches * (num_patches if form == "code" else 1))
    return Structure(intra * scale, cross * scale)


def _compare_products(
    event_BRD: Tensor, image_BRD: Tensor, event_BND: Tensor, image_BND: Tensor
) -> tuple[Tensor, Tensor]:
    truth_BRN = image_BRD @ image_BND.mT
    intra = (event_BRD @ event_BND.mT - truth_BRN).abs().sum()
    return intra, (event_BRD @ image_BND.mT - truth_BRN).abs().sum()


def _compare_cosines(
    event_BRD: Tensor, image_BRD: Tensor, event_BND: Tensor, image_BND: Tensor
) -> tuple[Tensor, Tensor]:
    truth_BRN = image_BRD @ image_BND.mT
    counts_BRN = truth_BRN > LEAST_SIMILARITY
    intra_BRN = (event_BRD @ event_BND.mT).clamp(min=0) - truth_BRN
    cross_BRN = (image_BRD @ event_BND.mT).clamp(min=0) - truth_BRN
    return (intra_BRN * counts_BRN).square().sum(), (cross_BRN * counts_BRN).square().sum()
