"""The generative term of GEP: what follows in the stream is regressed, not chosen from a codebook.

Source: "Generative Event Pretraining with Foundation Model Alignment" (GEP), arXiv 2603.23032,
stage 2.
"""

# B batch, N tokens, D width of a token

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import mse_loss


def next_token(predicted_BND: Tensor, following_BND: Tensor) -> Tensor:
    """Return the mean over positions and channels of (head(h_t) - sg(token_{t+1}))^2.

    No position is left out: a frame's last token predicts the first one of the next frame, and
    one modality the other.
    """
    return mse_loss(predicted_BND.float(), following_BND.float().detach())
