"""Faster torch: networks compiled, and CUDA graphs that replay all their kernels in one launch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from export.runtime_errors import first_line

Work = Callable[[Tensor], tuple[Tensor, ...]]

logger = logging.getLogger(__name__)


def compiled(
    module: nn.Module, example: Tensor, *, backend: str = "inductor"
) -> tuple[nn.Module, tuple[str, ...]]:
    """Return ``module`` compiled and run once, or as it is with a note where that fails.

    Args:
        module: Takes one tensor.
        example: Of the only shape and type that it will take.
        backend: Of torch.compile.
    """
    try:
        fast = cast(nn.Module, torch.compile(module, backend=backend, dynamic=False))
        fast(example)  # where it is compiled
    except Exception as error:  # compilers fail in their own ways
        logger.debug("torch.compile failed", exc_info=True)
        return module, (f"torch.compile failed ({first_line(error)}): running eager",)
    return fast, ()


class CudaReplay:
    """Calls ``work`` on blocks of device memory: the second time with a block, as a CUDA graph.

    The first time warms up what may not start inside a graph. A call's outputs lie where its
    block's next call writes. Calls come from one thread, on one stream.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._pool = torch.cuda.graph_pool_handle()
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...]]] = {}
        self._met: set[int] = set()
        self.notes: tuple[str, ...] = ()

    def __call__(self, rows: Tensor) -> tuple[Tensor, ...]:
        block = rows.data_ptr()
        if self.notes or block not in self._met:
            self._met.add(block)
            return self._work(rows)
        if block not in self._graphs:
            try:
                self._graphs[block] = self._captured(rows)
            except RuntimeError as error:
                self.notes = (f"no CUDA graph ({first_line(error)}): kernels start one by one",)
                return self._work(rows)
        graph, outputs = self._graphs[block]
        graph.replay()
        return outputs

    def _captured(self, rows: Tensor) -> tuple[torch.cuda.CUDAGraph, tuple[Tensor, ...]]:
        graph = torch.cuda.CUDAGraph()
        # Thread-local: another thread may stage a window, and allocate for it, meanwhile.
        with torch.cuda.graph(
            graph,
            pool=self._pool,
            stream=torch.cuda.current_stream(),
            capture_error_mode="thread_local",
        ):
            outputs = self._work(rows)
        return graph, outputs


Program = CudaReplay | Work
"""Work as it is, or replayed."""
