"""L_con: each position's token told apart from others' at the same position, by its teacher's.

Source: EventPretrain (arXiv 2508.05507), stages II and III: the momentum contrast of He et al.,
CVPR 2020, with one queue of past keys for each position. Negatives of the same position differ in
what is seen, not in where, so that the loss cannot be lowered by telling positions apart.
"""

# B batch, N positions, K keys in a queue, D width of a token

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize


class PositionQueue(nn.Module):
    """The last ``length`` keys of every position, first in, first out; random at the start."""

    keys_NKD: Tensor
    next_slot: Tensor

    def __init__(self, num_positions: int, length: int, width: int) -> None:
        super().__init__()
        keys_NKD = normalize(torch.randn(num_positions, length, width), dim=-1)
        self.register_buffer("keys_NKD", keys_NKD)
        self.register_buffer("next_slot", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def push(self, keys_BND: Tensor) -> None:
        """Put normalised keys in the oldest places; of more than fit, the last."""
        length = self.keys_NKD.shape[1]
        keys_BND = keys_BND[-length:]
        places = torch.arange(len(keys_BND), device=keys_BND.device)
        slots = (self.next_slot + places) % length
        self.keys_NKD[:, slots] = keys_BND.transpose(0, 1).to(self.keys_NKD.dtype)
        self.next_slot.copy_((self.next_slot + len(keys_BND)) % length)


def queue_contrast(
    said_BND: Tensor, taught_BND: Tensor, keys_NKD: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """Return L_con against a queue's negatives, and the share of positions that it ranks first.

    -log( exp(q.k / T) / (exp(q.k / T) + sum_j exp(q.Q_lj / T)) ), q and k L2-normalised, the mean
    over samples and positions.

    Args:
        said_BND: q, the student's tokens.
        taught_BND: k, the teacher's; they carry a gradient to what projects them.
        keys_NKD: Q, normalised; without gradient.
        temperature: T.
    """
    said_BND, taught_BND = normalized(said_BND), normalized(taught_BND)
    positive_BN = (said_BND * taught_BND).sum(-1)
    negative_BNK = torch.einsum("bnd,nkd->bnk", said_BND, keys_NKD.detach().float())
    logits_BNK = torch.cat([positive_BN[..., None], negative_BNK], -1) / temperature
    return _classified(logits_BNK, torch.zeros_like(positive_BN, dtype=torch.int64))


def batch_contrast(
    said_BND: Tensor, taught_BND: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """Return L_con against the other samples of the batch at the same position; see above.

    Args:
        said_BND: q, the student's tokens.
        taught_BND: k, the teacher's.
        temperature: T.
    """
    said_BND, taught_BND = normalized(said_BND), normalized(taught_BND)
    logits_BNM = torch.einsum("bnd,mnd->bnm", said_BND, taught_BND) / temperature
    own_B = torch.arange(len(said_BND), device=said_BND.device)
    return _classified(logits_BNM, own_B[:, None].expand(logits_BNM.shape[:2]))


def normalized(tokens_BND: Tensor) -> Tensor:
    """Return float32 tokens of length 1."""
    return normalize(tokens_BND.float(), dim=-1)


def _classified(logits_BNK: Tensor, true_BN: Tensor) -> tuple[Tensor, Tensor]:
    loss = cross_entropy(logits_BNK.flatten(0, 1), true_BN.flatten())
    return loss, (logits_BNK.detach().argmax(-1) == true_BN).float().mean()
