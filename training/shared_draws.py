"""Random numbers of the global batch: N processes draw what one would with the N-fold batch."""

from __future__ import annotations

import torch
from torch import Tensor

from models.global_batch import num_processes, own_part


def shared_rand(*shape: int, batch_dim: int = 0) -> Tensor:
    """Return this process's part of uniform random numbers drawn for the samples of all processes.

    Drawn on the processor, whose random numbers are the same in all processes of a run; each must
    come here equally often. What layers drop is drawn elsewhere, by each process for itself.

    Args:
        shape: Of this process's part.
        batch_dim: Which of its dimensions counts samples.
    """
    everyone = list(shape)
    everyone[batch_dim] *= num_processes()
    return own_part(torch.rand(everyone), batch_dim)
