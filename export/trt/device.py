"""A CUDA device, through torch: buffers that keep their addresses, one stream, captured work."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """The GPU that torch uses."""

    name: str
    compute_capability: str
    """Such as "8.9"."""

    def __str__(self) -> str:
        return f"{self.name} (compute capability {self.compute_capability})"


def find_gpu() -> Gpu | None:
    """Return the GPU of this machine; None where there is none that torch can use."""
    if not torch.cuda.is_available():
        return None
    major, minor = torch.cuda.get_device_capability()
    return Gpu(name=torch.cuda.get_device_name(), compute_capability=f"{major}.{minor}")


def gpu_problem() -> str:
    """Return why ``find_gpu`` finds none, with the cure where there is one."""
    if torch.version.cuda is None:
        return "this torch is built for the CPU only; where there is a GPU, install one with CUDA"
    return f"torch finds no GPU for CUDA {torch.version.cuda}; is NVIDIA's driver installed?"


class CudaDevice:
    """Where an engine runs: its buffers, and a stream that work is queued on."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    @property
    def stream_handle(self) -> int:
        """The stream as CUDA's own functions take it."""
        return int(self._stream.cuda_stream)

    def zeros(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Tensor:
        """Return a buffer on the device."""
        with self.queued():
            return torch.zeros(shape, dtype=_torch_dtype(dtype), device="cuda")

    def host_zeros(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Tensor:
        """Return a buffer in host memory that the device copies from and to by itself."""
        return torch.zeros(shape, dtype=_torch_dtype(dtype), pin_memory=True)

    def queued(self) -> contextlib.AbstractContextManager[object]:
        """While open, torch queues its copies on the stream."""
        return torch.cuda.stream(self._stream)

    def wait(self) -> None:
        """Return when all that was queued is done."""
        self._stream.synchronize()

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return what queues ``work`` again, all at once; it is not run now.

        Raises:
            RuntimeError: something in it cannot be captured.
        """
        graph = torch.cuda.CUDAGraph()
        self.wait()
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            work()
        return graph.replay


def _torch_dtype(dtype: npt.DTypeLike) -> torch.dtype:
    return torch.from_numpy(np.zeros(1, dtype)).dtype
