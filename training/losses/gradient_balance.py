"""The gradient balance of GEP's alignment: no term pulls harder than a share of the first one.

Source: the released code of GEP, arXiv 2603.23032 (its ``loss_grad_ratio``, of which a comment
names 10 %).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from models.global_batch import global_norm


def gradient_balance(
    base: Tensor, others: Mapping[str, Tensor], features: Tensor, ratio: float
) -> dict[str, Tensor]:
    """Return the factor of each of ``others``: ratio * |d base / d e| / |d other / d e|.

    The norms are exact, those of the global batch where several processes share it: one more
    backward pass from each term, but only down to ``features``. A factor is a constant of the step;
    no gradient flows through it. A term that does not depend on ``features``, or whose gradient
    there vanishes, keeps the factor 1.

    Args:
        base: Scalar; the term that the others are measured by.
        others: Scalars by name.
        features: e, the event tokens that all of them are functions of.
        ratio: Of the gradients' norms.
    """
    norm = _gradient_norm(base, features)
    factors = {}
    for name, term in others.items():
        own = _gradient_norm(term, features)
        factors[name] = torch.where(own > 0, ratio * norm / own.clamp(min=1e-30), 1.0)
    return factors


def _gradient_norm(term: Tensor, features: Tensor) -> Tensor:
    """Return |d term / d features|; 0 where there is no gradient, as in evaluation."""
    if not (term.requires_grad and features.requires_grad):
        return term.new_zeros(())
    (gradient,) = torch.autograd.grad(
        term, features, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return global_norm(gradient.float().norm())
