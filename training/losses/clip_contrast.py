"""L_ct of the CLIP-based event encoder: an event window belongs to its own picture.

Source: Jeong et al., "Expanding Event Modality Applications through a Robust CLIP-Based Encoder",
arXiv 2412.03093.
"""

# B batch, E width of the image-text space

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

TEMPERATURE = 0.02
Flow = Literal["events", "none"]
"""Where the gradient goes."""


def clip_contrast(
    image_BE: Tensor, event_BE: Tensor, *, temperature: float = TEMPERATURE, flow: Flow = "events"
) -> Tensor:
    """Return 2 T CE(q k^T / T, diagonal): each picture picks its window among the batch's.

    ``flow="events"`` lets the gradient into the events' embeddings, as a contrast must.
    ``flow="none"`` is the released code: its gathering of them runs without gradients, so that the
    term is counted but teaches nothing.

    Args:
        image_BE: q, the frozen teacher's; brought to length 1 here.
        event_BE: k, the student's; likewise.
        temperature: T.
        flow: The gradient-carrying form, or the release's.
    """
    image_BE, event_BE = normalize(image_BE.float(), dim=-1), normalize(event_BE.float(), dim=-1)
    if flow == "none":
        event_BE = event_BE.detach()
    own_B = torch.arange(len(image_BE), device=image_BE.device)
    return 2 * temperature * cross_entropy(image_BE @ event_BE.T / temperature, own_B)
