"""L_pred of the CLIP-based event encoder: a window's embedding points to its label's text.

Source: Jeong et al., "Expanding Event Modality Applications through a Robust CLIP-Based Encoder",
arXiv 2412.03093: the term that fine-tuning adds.
"""

# B batch, K texts, E width of the image-text space

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cosine_similarity

from models.global_batch import global_count


def text_prediction(event_BE: Tensor, text_KE: Tensor, labels_B: Tensor) -> Tensor:
    """Return the mean of 1 - cos(k, t_label) over windows whose label is known; else 0.

    Args:
        event_BE: k, the student's embeddings.
        text_KE: t, the frozen teacher's.
        labels_B: int64 index of each window's text, -1 where unknown.
    """
    known_B = labels_B >= 0
    text_BE = text_KE[labels_B.clamp(min=0)].float()
    distance_B = 1 - cosine_similarity(event_BE.float(), text_BE, dim=-1)
    return (distance_B * known_B).sum() / global_count(known_B.sum())
