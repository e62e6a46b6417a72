"""What the window shows: one label for the whole of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.global_batch import global_count
from models.heads.head import Head, Targets

LABEL_SMOOTHING = 0.1
NUM_QUERIES = 4


class Recognition(Head):
    """Attention pooling over the coarsest map, then a linear classifier.

    Learned queries weigh the cells, because most of an event window may be empty: an average
    would dilute the object with what is quiet.
    """

    def __init__(self, width: int, num_labels: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(width, NUM_QUERIES, 1)
        self.dropout = nn.Dropout(dropout)
        self.pooled_width = NUM_QUERIES * width
        self.classify = nn.Linear(self.pooled_width, num_labels)

    def forward(self, maps: Sequence[Tensor], fused: Tensor) -> Tensor:
        """Return (B, num_labels) logits."""
        logits: Tensor = self.classify(self.dropout(self.pool(maps[-1])))
        return logits

    def pool(self, coarsest: Tensor) -> Tensor:
        """Return (B, pooled_width): what each query picks from a (B, width, h, w) map."""
        cells_BND = coarsest.flatten(2).transpose(1, 2)
        weights_BQN = self.weigh(coarsest).flatten(2).softmax(-1)
        return torch.matmul(weights_BQN, cells_BND).flatten(1)

    def loss(self, output: Tensor, targets: Targets) -> Tensor:
        known = targets.recognition >= 0
        total = nn.functional.cross_entropy(
            output.float(),
            targets.recognition,
            ignore_index=-1,
            label_smoothing=LABEL_SMOOTHING,
            reduction="sum",
        )
        return total / global_count(known.sum())
