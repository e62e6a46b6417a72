"""The contrastive term of GEP's alignment: a window's pooled tokens pick their own picture.

Source: "Generative Event Pretraining with Foundation Model Alignment" (GEP), arXiv 2603.23032,
stage 1, the contrastive half of its joint objective.
"""

# B batch, N tokens, D width of a token

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize


class Projector(nn.Sequential):
    """g: Linear(D, 4D), ReLU, Linear(4D, D) on each event token; it leaves with the training."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))


def pooled_info_nce(projected_BND: Tensor, image_BND: Tensor, temperature_B: Tensor) -> Tensor:
    """Return the mean over b of -log(exp(q_b . k_b / tau_b) / sum_c exp(q_b . k_c / tau_b)).

    q = norm(mean_n g(e_n)) and k = norm(mean_n i_n): one direction, from events to pictures, and
    the negatives are the other pictures of the batch; with several processes, of each one's own.

    Args:
        projected_BND: g of the event tokens.
        image_BND: The teacher's tokens.
        temperature_B: tau of each window's data set: 0.2 where pictures differ, 0.5 for film,
            whose neighbouring frames are hardly wrong answers.
    """
    query_BD = normalize(projected_BND.float().mean(1), dim=-1)
    key_BD = normalize(image_BND.float().mean(1), dim=-1)
    own_B = torch.arange(len(query_BD), device=query_BD.device)
    return cross_entropy(query_BD @ key_BD.T / temperature_B[:, None], own_B)
