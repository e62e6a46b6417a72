"""How fast a run goes: samples a second, waiting for data, and the share of the peak it uses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

PEAK_SIZE = {"cpu": 512, "cuda": 8192}
"""Rows of the square matrices whose product measures a device's peak."""

SLOW_S = 0.1
"""A product that takes longer is not repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Since it was last asked."""

    samples_per_s: float
    wait_percent: float
    """Of the time, spent waiting for the next batch."""
    mfu_percent: float | None
    """Model FLOPs utilisation: floating point operations of the forward and backward pass over what
    a matrix product of the same type reaches on this machine (Chowdhery et al., "PaLM", 2022)."""


class Meter:
    """Counts the samples and the operations of steps."""

    def __init__(self, peak_flops_per_s: float | None = None) -> None:
        self._peak = peak_flops_per_s
        self.flops_per_step: int | None = None
        self._restart()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside as waiting for data."""
        start_s = time.perf_counter()
        yield
        self._waited_s += time.perf_counter() - start_s

    def count(self, num_samples: int) -> None:
        """Count one step."""
        self._num_samples += num_samples
        self._num_steps += 1

    def read(self) -> Throughput:
        """Return the rates since the last call."""
        elapsed_s = max(time.perf_counter() - self._start_s, 1e-9)
        mfu = None
        if self._peak and self.flops_per_step:
            mfu = 100 * self.flops_per_step * self._num_steps / elapsed_s / self._peak
        rates = Throughput(
            samples_per_s=self._num_samples / elapsed_s,
            wait_percent=100 * self._waited_s / elapsed_s,
            mfu_percent=mfu,
        )
        self._restart()
        return rates

    def _restart(self) -> None:
        self._start_s = time.perf_counter()
        self._waited_s = 0.0
        self._num_samples = self._num_steps = 0


def count_flops(step: Callable[[], Any]) -> int:
    """Return the floating point operations of the matrix products and convolutions in ``step``.

    The count changes which kernels run, and so the last digits of what they say: what ``step``
    changes should be a copy.
    """
    with FlopCounterMode(display=False) as counter:
        step()
    return int(counter.get_total_flops())


def peak_flops_per_s(device: torch.device, dtype: torch.dtype) -> float:
    """Return what a large square matrix product reaches on ``device``: the best of some."""
    size = PEAK_SIZE.get(device.type, PEAK_SIZE["cpu"])
    left = torch.full((size, size), 0.5, device=device, dtype=dtype)  # draws no random numbers
    best_s = float("inf")
    for _ in range(6):
        _synchronize(device)
        start_s = time.perf_counter()
        left @ left
        _synchronize(device)
        best_s = min(best_s, time.perf_counter() - start_s)
        if best_s > SLOW_S:
            break  # a precision that the processor imitates: no repetition makes it fast
    return 2 * size**3 / best_s


def advice(device: torch.device, dtype: torch.dtype, reached_flops_per_s: float) -> str | None:
    """Return what to tell whoever trains in ``dtype`` where float32 is faster; else None.

    Processors without instructions for bf16 or fp16 imitate them, many times slower.

    Args:
        device: Only a processor is asked: GPUs are always faster with fewer bits.
        dtype: Of the forward pass.
        reached_flops_per_s: Its peak on ``device``.
    """
    if device.type != "cpu" or dtype == torch.float32:
        return None
    ratio = peak_flops_per_s(device, torch.float32) / reached_flops_per_s
    if ratio <= 1:
        return None
    name = {torch.bfloat16: "bf16", torch.float16: "fp16"}[dtype]
    return f"{name} is {ratio:.1f} times slower than fp32 on this processor: add --precision fp32"


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
