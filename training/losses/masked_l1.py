"""L_l1 of ScaleEvent: how far the event tokens of active patches are from the image tokens.

Source: "Scaling Dense Event-Stream Pretraining from Visual Foundation Models", arXiv 2603.03969.
"""

# B batch, N patches, D width of a token

from __future__ import annotations

from typing import Literal

from torch import Tensor

Form = Literal["paper", "code"]
"""The equation as the paper has it, or as the released code computes it."""


def masked_l1(event_BND: Tensor, image_BND: Tensor, active_BN: Tensor, *, form: Form) -> Tensor:
    """Return the scalar distance between tokens, both multiplied by the activity mask.

    ``paper``: 1/N sum_n || K*_n - Q*_n ||_1, averaged over the batch.
    ``code``: the mean over all B N D entries, which is the paper's divided by D.
    Masked patches count as zeros in both means.
    """
    masked = active_BN.unsqueeze(-1)
    distance_BND = (event_BND.float() - image_BND.float()).abs() * masked
    return distance_BND.sum(-1).mean() if form == "paper" else distance_BND.mean()
