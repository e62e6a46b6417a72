"""What the window shows, in words: the nearest of some texts in a space shared with them.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
arXiv 2103.00020: a classifier whose weights are embeddings of texts, without training.
"""

# B batch, K texts, E width of the shared space

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

CLIP_SCALE = 100.0
"""Of CLIP's logits after its training."""


class Prompted(nn.Module):
    """Logits = scale * cos(embedding, text); both are part of a model file, neither is trained."""

    texts_KE: Tensor
    """Each of length 1."""
    scale: Tensor

    def __init__(self, num_labels: int, embedding_width: int) -> None:
        super().__init__()
        self.register_buffer("texts_KE", torch.zeros(num_labels, embedding_width))
        self.register_buffer("scale", torch.tensor(CLIP_SCALE))

    def set_texts(self, texts_KE: Tensor, scale: float = CLIP_SCALE) -> None:
        """Take the embeddings of the labels' texts, of any length."""
        self.texts_KE.copy_(normalize(texts_KE.float(), dim=-1))
        self.scale.fill_(scale)

    def forward(self, embedding_BE: Tensor) -> Tensor:
        """Return (B, K) logits, in float32 whatever the encoder computes in.

        A length is a sum of squares, which overflows float16.
        """
        directions_BE = normalize(embedding_BE.float(), dim=-1)
        return self.scale.float() * directions_BE @ self.texts_KE.float().T
