"""L_kl of the CLIP-based event encoder: windows are as alike as their pictures are.

Source: Jeong et al., "Expanding Event Modality Applications through a Robust CLIP-Based Encoder",
arXiv 2412.03093; after the distribution alignment of Yang et al., "Event Camera Data
Pre-training", ICCV 2023.
"""

# B batch, E width of the image-text space

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import kl_div, normalize

from training.losses.sinkhorn import log_sinkhorn

TEMPERATURE = 0.01


def sinkhorn_kl(image_BE: Tensor, event_BE: Tensor, *, temperature: float = TEMPERATURE) -> Tensor:
    """Return KL(P || softmax(q k^T / T)), the mean over rows; P = Sinkhorn_3(q q^T / T).

    Args:
        image_BE: q, the frozen teacher's; brought to length 1 here.
        event_BE: k, the student's; likewise.
        temperature: T; the release fine-tunes with 0.1 or 0.2.
    """
    image_BE, event_BE = normalize(image_BE.float(), dim=-1), normalize(event_BE.float(), dim=-1)
    with torch.no_grad():
        log_truth_BB = log_sinkhorn(image_BE @ image_BE.T / temperature)
    log_said_BB = (image_BE @ event_BE.T / temperature).log_softmax(-1)
    return kl_div(log_said_BB, log_truth_BB, reduction="batchmean", log_target=True)
