"""Sinkhorn-Knopp: rows and columns of a matrix brought to equal sums by turns.

Source: Cuturi, "Sinkhorn Distances", arXiv 1306.0895; three turns, as the methods here have.
"""

# B rows, B columns; any other number of columns will do

from __future__ import annotations

from torch import Tensor

NUM_NORMALIZATIONS = 3


def log_sinkhorn(logits_BB: Tensor, num_normalizations: int = NUM_NORMALIZATIONS) -> Tensor:
    """Return the logarithm of exp(logits), its columns and then its rows divided by their sums.

    All in logarithms: exp(cos / 0.01) is beyond float32, and the released code gives NaN.
    """
    for _ in range(num_normalizations):
        logits_BB = logits_BB.log_softmax(0)
        logits_BB = logits_BB.log_softmax(1)
    return logits_BB
