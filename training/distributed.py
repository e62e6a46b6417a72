"""Several processes as one run, on torch's own engine: DDP or FSDP2, started by torchrun.

Without torchrun everything here is a run of one process. Each step's global batch is the stage's
batch of every process after the other, so that N processes see what one would with an N-fold batch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

Strategy = Literal["ddp", "fsdp"]
TIMEOUT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """This process among those of a run."""

    rank: int = 0
    size: int = 1
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def wait(self) -> None:
        """Return once every process has come here."""
        if self.size > 1:
            dist.barrier()

    def share(self, value: Any) -> Any:
        """Return the main process's ``value`` in all of them."""
        if self.size == 1:
            return value
        held = [value]
        dist.broadcast_object_list(held, device=_object_device(self.device))
        return held[0]

    def each(self, value: Any) -> list[Any]:
        """Return every process's ``value``, in all of them."""
        if self.size == 1:
            return [value]
        held: list[Any] = [None] * self.size
        dist.all_gather_object(held, value)
        return held

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of a tensor over the processes."""
        if self.size == 1:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total / self.size


@contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """Join the processes that torchrun started; a world of one without it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(device=device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=TIMEOUT)
    try:
        yield World(rank=dist.get_rank(), size=size, device=device)
        dist.barrier()  # who leaves early takes the connection from those who still write
    finally:
        dist.destroy_process_group()


def gathered(rows: Tensor) -> Tensor:
    """Return the rows of every process, first to last; gradients flow back to each.

    Losses that compare the samples of a batch with one another call this, so that their negatives
    are those of the global batch. DDP averages gradients, as if each process held the mean of its
    own samples: a loss over gathered rows is the same in all processes, and its gradient comes back
    summed over them, so that its average is that of one process with the whole batch.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return rows
    everyone: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return everyone


class _Gather(torch.autograd.Function):
    """All processes' rows; the gradient of one's own is the sum of what all say of them."""

    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous()
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]


def distribute(method: nn.Module, world: World, strategy: Strategy) -> nn.Module:
    """Return what is to be called instead of ``method``, so that processes agree on gradients.

    ``ddp`` keeps all weights in every process; ``fsdp`` shards those of every block of a list of
    blocks, and the rest, among the processes (``method`` itself is changed).
    """
    if world.size == 1:
        return method
    if strategy == "ddp":
        return nn.parallel.DistributedDataParallel(
            method, device_ids=[world.device] if world.device.type == "cuda" else None
        )
    shard(method, world)
    return method


def shard(module: nn.Module, world: World) -> None:
    """Shard a module's weights among the processes: each transformer block, then what is left."""
    mesh = init_device_mesh(world.device.type, (world.size,))
    # FSDP2 knows no other memory format
    module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    for part in list(module.modules()):
        if isinstance(part, nn.ModuleList) and len(part) > 1:
            for block in part:
                if any(True for _ in block.parameters()):
                    fully_shard(block, mesh=mesh)
    fully_shard(module, mesh=mesh)


def _object_device(device: torch.device) -> torch.device:
    return device if device.type == "cuda" else torch.device("cpu")
