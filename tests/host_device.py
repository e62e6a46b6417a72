"""A device for TensorRT engines that is this process's memory; what is queued is done at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
import torch

from export.trt.device import CudaDevice


class HostDevice(CudaDevice):
    """Counts what is captured; a ``fault`` is raised where a real device tells of its failures."""

    def __init__(self) -> None:
        self.num_captures = 0
        self.num_replays = 0
        self.fault: Exception | None = None
        self.capture_fault: Exception | None = None

    @property
    def stream_handle(self) -> int:
        return 7

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype) -> torch.Tensor:
        return torch.from_numpy(np.zeros(shape, dtype))

    host_zeros = zeros

    def queued(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()

    def wait(self) -> None:
        if self.fault:
            raise self.fault

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        self.num_captures += 1
        if self.capture_fault:
            raise self.capture_fault

        def replay() -> None:
            self.num_replays += 1
            work()

        return replay
