"""What is queued for each window, and what a stream remembers from one to the next."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from export.backends.backend import EngineError
from export.device_errors import device_errors
from export.runtime_errors import first_line
from export.trt.device import CudaDevice

Buffers = dict[str, Tensor]


class Launch:
    """Queues the same work on the same addresses: first call by call, then as one CUDA graph.

    Args:
        device: Has the stream.
        work: Queues it; executes a plan.
        is_capturable: Asked once, after the first time.
        note: Told in one line why there is no graph where it cannot be captured after all.
    """

    def __init__(
        self,
        device: CudaDevice,
        work: Callable[[], None],
        is_capturable: Callable[[], bool],
        note: Callable[[str], None],
    ) -> None:
        self._device = device
        self._queue = work
        self._note = note
        self._is_capturable: Callable[[], bool] | None = is_capturable

    def __call__(self) -> None:
        self._queue()
        if self._is_capturable is None:
            return
        # The first execution loads kernels, which a capture may not.
        can_capture, self._is_capturable = self._is_capturable(), None
        if can_capture:
            try:
                self._queue = self._device.capture(self._queue)
            except (RuntimeError, EngineError) as error:  # torch's, and TensorRT's refusal
                self._note(f"no CUDA graph ({first_line(error)}): kernels start one by one")


class DeviceMemory:
    """What one stream remembers: two sets of buffers, of which each window reads one, writes one.

    Args:
        device: Has the buffers.
        sets: Of equal buffers.
        launches: One that reads the first set and writes the second, and one the other way round.
        what: Runs them, for messages.
    """

    def __init__(
        self,
        device: CudaDevice,
        sets: tuple[Buffers, Buffers],
        launches: tuple[Launch, Launch],
        what: str,
    ) -> None:
        self._device = device
        self._sets = sets
        self._launches = launches
        self._what = what
        self._turn = 0

    def forget(self) -> None:
        with device_errors(self._what), self._device.queued():
            for buffer in self._sets[self._turn].values():
                buffer.zero_()

    def advance(self) -> None:
        """Queue one window's work; what it writes is what is remembered."""
        self._launches[self._turn]()
        self._turn = 1 - self._turn
