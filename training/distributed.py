"""Several processes as one run, on torch's own engine: DDP or FSDP2, started by torchrun.

Without torchrun everything here is a run of one process. Each step's global batch is the stage's
batch of every process after the other, so that N processes see what one would with an N-fold batch.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, ParamSpec

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from models.global_batch import num_processes
from training.shared_norm import share_norms

Strategy = Literal["ddp", "fsdp"]
TIMEOUT = timedelta(minutes=10)
LONGEST_WORK = timedelta(days=30)
"""That others wait for, where the main process makes what all read."""
Arguments = ParamSpec("Arguments")


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
    """Join the processes that torchrun started; a world of one without it.

    Raises:
        ValueError: torchrun would restart processes that could not join again.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(device=device)
        return
    _check_restarts()
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


def _check_restarts() -> None:
    """Refuse restarts through a store that outlives them (pytorch's issues 135712 and 167288)."""
    num_restarts = int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0"))
    if num_restarts and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        raise ValueError(
            f"torchrun --max-restarts {num_restarts} would lead restarted processes to the "
            "addresses of those that died: start it with TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 "
            "and --rdzv-backend c10d (or --standalone)"
        )


def main_first(work: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Return ``work`` done by the main process alone, and then by the others, who find it done.

    For what is made once and kept on a disk that all processes see.
    """

    @functools.wraps(work)
    def in_turn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        if num_processes() == 1:
            work(*args, **kwargs)
            return
        # A group of its own, since the run's would give up after TIMEOUT; gloo waits on any device.
        waiting = dist.new_group(backend="gloo", timeout=LONGEST_WORK)
        if dist.get_rank() == 0:
            work(*args, **kwargs)
        dist.barrier(group=waiting)
        if dist.get_rank() != 0:
            work(*args, **kwargs)

    return in_turn


def distribute(method: nn.Module, world: World, strategy: Strategy) -> nn.Module:
    """Return what is to be called instead of ``method``, so that processes agree on gradients.

    ``ddp`` keeps all weights in every process; ``fsdp`` shards those of every block of a list of
    blocks, and the rest, among the processes. ``method`` itself is changed: its batch
    normalisations see the global batch.
    """
    if world.size == 1:
        return method
    share_norms(method)
    if strategy == "ddp":
        replica = nn.parallel.DistributedDataParallel(
            method, device_ids=[world.device] if world.device.type == "cuda" else None
        )
        replica.broadcast_buffers = False  # they are made of the global batch: the same in all
        return replica
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
