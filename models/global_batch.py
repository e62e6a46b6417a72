"""What several processes know together of one batch, so that N are one with the N-fold batch.

DDP and FSDP average gradients, as if each process held the mean of its own samples. What is not
such a mean is put right here: rows, sums, counts and norms of all processes. Without torchrun
everything returns its argument.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def num_processes() -> int:
    """Return how many processes a batch is shared by."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gathered(rows: Tensor) -> Tensor:
    """Return the rows of every process, first to last; gradients flow back to each.

    Losses that compare the samples of a batch with one another call this, so that their negatives
    are those of the global batch. Such a loss is the same in all processes, and its gradient comes
    back summed over them, so that its average is that of one process with the whole batch.
    """
    if num_processes() == 1:
        return rows
    everyone: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return everyone


def summed(values: Tensor) -> Tensor:
    """Return the sum of a tensor over the processes; gradients flow back as in ``gathered``."""
    return gathered(values[None]).sum(0)


def averaged(values: Tensor) -> Tensor:
    """Return the mean of a tensor over the processes; gradients flow back as in ``gathered``."""
    return summed(values) / num_processes()


@torch.no_grad()
def global_count(count: Tensor) -> Tensor:
    """Return what a process divides its own sum by, so that all share one mean: at least 1 for all.

    That is the count of all processes over their number: the mean over processes of such quotients
    is the sum of all over the count of all, and DDP makes it of their gradients.
    """
    return summed(count).clamp(min=1) / num_processes()


@torch.no_grad()
def global_norm(norm: Tensor) -> Tensor:
    """Return the norm of the global batch's gradient at some features, from that of each process.

    Each process's is of a loss that counts its own samples alone, N-fold.
    """
    if num_processes() == 1:
        return norm
    return summed(norm.square()).sqrt() / num_processes()


def own_part(everyone: Tensor, dim: int = 0) -> Tensor:
    """Return this process's share of what is laid out for all of them along ``dim``."""
    if num_processes() == 1:
        return everyone
    return everyone.chunk(num_processes(), dim)[dist.get_rank()]


class _Gather(torch.autograd.Function):
    """All processes' rows; the gradient of one's own is the sum of what all say of them."""

    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]
