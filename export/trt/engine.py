"""TensorRtEngine: a plan on the GPU; for each window one copy there, one launch, one copy back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
from torch import Tensor

from events.packet import EventPacket
from export.backends.backend import EngineError, Memory, Outputs
from export.device_errors import device_errors
from export.event_input import COLUMNS, PADDING, Overflow, check_sensor, write_columns
from export.onnx_shapes import ELAPSED, GRID, MEMORY, NEXT_MEMORY, input_shape
from export.trt.container import EngineFile
from export.trt.device import CudaDevice
from export.trt.embedded import EmbeddedEngine
from export.trt.launch import Buffers, DeviceMemory, Launch
from export.trt.plan import Plan
from models.card import ModelCard


class TensorRtEngine:
    """A plan with buffers in host memory and on the device; a window allocates nothing.

    Args:
        plan: Taken by TensorRT.
        file: Of the plan.
        device: Where it runs.
        provider: The library's name.
        notes: For the user.

    Raises:
        DeviceLostError: the device has too little memory.
        EngineError: the plan's inputs or outputs are not what the file's card says.
    """

    def __init__(
        self,
        plan: Plan,
        file: EngineFile,
        device: CudaDevice,
        provider: str,
        notes: tuple[str, ...] = (),
    ) -> None:
        self._plan = plan
        self._file = file
        self._device = device
        self._provider = provider
        self._notes = notes
        self._fed = tuple(name for name in plan.inputs if not name.startswith(MEMORY))
        self._given = tuple(name for name in plan.outputs if not name.startswith(NEXT_MEMORY))
        if set(self._given) != set(file.card.outputs):
            raise EngineError(
                f"{file.path} gives {', '.join(self._given)}, its card says "
                f"{', '.join(file.card.outputs)}: export it again"
            )
        self._num_rows: int | None = None
        """Events that are copied; None copies whole buffers."""
        self._fix_open_shapes()
        with device_errors(provider):
            names = (*self._fed, *self._given)
            self._buffers = {name: self._buffer(name) for name in names}
            self._host = {
                name: device.host_zeros(plan.shape(name), plan.dtype(name))
                for name in names
                if name not in COLUMNS
            }
            if self.is_fed_events:  # one block, which a window is written to in one go
                shape = (len(COLUMNS), *plan.shape(COLUMNS[0]))
                self._columns = device.host_zeros(shape, np.int32)
                self._host |= zip(COLUMNS, self._columns.unbind(), strict=True)
        for name, buffer in self._buffers.items():
            plan.bind(name, buffer.data_ptr())
        self._overflow = Overflow(len(self._host[COLUMNS[0]]) if self.is_fed_events else None)
        self._launch = self._launch_on({}, {})
        self._forgetful: DeviceMemory | None = None

    @property
    def card(self) -> ModelCard:
        return self._file.card

    @property
    def provider(self) -> str:
        return self._provider

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self._notes, *self._overflow.notes)

    @property
    def is_fed_events(self) -> bool:
        return self.card.input == "events"

    def new_memory(self) -> DeviceMemory | None:
        if not self.card.is_streaming:
            return None
        names = [name for name in self._plan.inputs if name.startswith(MEMORY)]
        with device_errors(self._provider):
            one, other = ({name: self._buffer(name) for name in names} for _ in range(2))
        launches = (self._launch_on(one, other), self._launch_on(other, one))
        return DeviceMemory(self._device, (one, other), launches, self._provider)

    def run(
        self, grid: npt.NDArray[np.float32], memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        if GRID not in self._host:
            raise ValueError("this engine takes the events of a window, got a grid")
        host = self._host[GRID].numpy()
        if grid.shape != host.shape[1:]:
            raise ValueError(f"engine takes {host.shape[1:]}, got {grid.shape}")
        host[0] = grid
        return self._run(memory, elapsed)

    def stage(self, packet: EventPacket) -> EventPacket:
        """Return the packet: the host's one block of events is filled when it runs."""
        check_sensor(self.card, packet.sensor)
        return packet

    def run_staged(
        self, staged: object, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        assert isinstance(staged, EventPacket)
        return self.run_events(staged, memory, elapsed=elapsed)

    def run_events(
        self, packet: EventPacket, memory: Memory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        if COLUMNS[0] not in self._host:
            raise ValueError("this engine takes the grid of a window, got its events")
        self._write_events(packet)
        return self._run(memory, elapsed)

    def on_cpu(self) -> EmbeddedEngine:
        return EmbeddedEngine(self._file)

    def close(self) -> None:
        """Free the device's memory; the launches hold it and this engine in a circle."""
        del self._launch, self._forgetful, self._buffers

    def _run(self, memory: Memory | None, elapsed: float) -> Outputs:
        queue: Callable[[], None] = self._launch
        if self.card.is_streaming:
            self._host[ELAPSED][0] = elapsed
            memory = memory or self._forgotten()
            assert isinstance(memory, DeviceMemory)  # from new_memory
            queue = memory.advance
        with device_errors(self._provider):
            try:
                queue()
            finally:
                self._device.wait()  # tells what befell the device where TensorRT gives up
        return {name: self._host[name].numpy() for name in self.card.outputs}

    def _forgotten(self) -> DeviceMemory:
        """Return a memory that has just begun, for a window of no stream."""
        self._forgetful = self._forgetful or self.new_memory()
        assert self._forgetful is not None  # the card is streaming
        self._forgetful.forget()
        return self._forgetful

    def _fix_open_shapes(self) -> None:
        """Let open inputs be what the card says; events as many as there may be."""
        for name in self._fed:
            if self._plan.is_open(name):
                shape = input_shape(self.card) if name == GRID else self._plan.limits(name)[1]
                self._plan.fix_shape(name, shape)

    def _buffer(self, name: str) -> Tensor:
        return self._device.zeros(self._plan.shape(name), self._plan.dtype(name))

    def _launch_on(self, read: Buffers, written: Buffers) -> Launch:
        work = partial(self._work, read, written)
        return Launch(self._device, work, self._is_capturable, self._note)

    def _note(self, line: str) -> None:
        self._notes = tuple(dict.fromkeys((*self._notes, line)))  # each launch may say the same

    def _is_capturable(self) -> bool:
        is_fixed = not any(self._plan.is_open(name) for name in self._fed if name in COLUMNS)
        return is_fixed and self._plan.is_capturable(self._device.stream_handle)

    def _work(self, read: Buffers, written: Buffers) -> None:
        """Queue the copies and the execution of one window."""
        for name, buffer in read.items():
            self._plan.bind(name, buffer.data_ptr())
        for name, buffer in written.items():
            self._plan.bind(NEXT_MEMORY + name.removeprefix(MEMORY), buffer.data_ptr())
        with self._device.queued():
            for name in self._fed:
                rows = slice(self._num_rows if name in COLUMNS else None)
                self._buffers[name][rows].copy_(self._host[name][rows], non_blocking=True)
            self._plan.execute(self._device.stream_handle)
            for name in self._given:
                self._host[name].copy_(self._buffers[name], non_blocking=True)

    def _write_events(self, packet: EventPacket) -> None:
        """Put a window's events into host memory; padding fills what must be there besides."""
        check_sensor(self.card, packet.sensor)
        packet = self._overflow.newest(packet)
        number = len(packet)
        if self._plan.is_open(COLUMNS[0]):
            self._num_rows = max(number, self._plan.limits(COLUMNS[0])[0][0])
            for name in COLUMNS:
                self._plan.fix_shape(name, (self._num_rows,))
        columns = self._columns.numpy()
        write_columns(packet, self.card.window_us, columns)
        columns[:, number : self._num_rows] = PADDING
