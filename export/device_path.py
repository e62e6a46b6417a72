"""DevicePath: raw events to decoded outputs on one device; only those two cross the bus.

Windows are staged in pinned memory and copied on a stream of their own; representation, network
and decoding follow as one CUDA graph, which also takes what a stream remembers a window further;
labels and depth come back as the screen needs them.
"""

from __future__ import annotations

import copy
import dataclasses
from functools import partial

import torch
from torch import Tensor, nn

from events.packet import EventPacket, SensorSize
from events.representations.letterbox import Letterbox
from export.answer import Answer
from export.backends.backend import Outputs
from export.engine_graph import grid_graph
from export.event_input import Overflow
from export.replay import CudaReplay, Program, compiled
from export.staging import CudaLane, HostLane, Lane, Staged, Stager
from export.torch_memory import TorchMemory
from models.card import ModelCard
from models.encoders.encoder import Encoder
from models.representations.gridder import make_gridder


def on_device(
    module: nn.Module, card: ModelCard, device: torch.device, dtype: torch.dtype
) -> nn.Module:
    """Return a copy of a network for ``device`` in ``dtype``, made for inputs of the card's size.

    The module itself stays where it is: weights cannot be had back from a device that is lost.
    """
    copied = copy.deepcopy(module).eval()
    for part in copied.modules():
        if isinstance(part, Encoder):
            part.fix_input_size(card.input_height, card.input_width)
    return copied.to(device, dtype)


class DevicePath:
    """One network for one sensor; calls of ``run`` come from one thread.

    Args:
        module: Made by ``on_device``.
        card: Of the network; whatever it says of decoding, outputs are decoded.
        sensor: Whose events come.
        device: CUDA; or the CPU, where nothing runs at once.
        dtype: What the network computes in; the representation is float32.
        is_compiled: Whether to try torch.compile; not of a network that remembers.
    """

    def __init__(
        self,
        module: nn.Module,
        card: ModelCard,
        sensor: SensorSize,
        device: torch.device,
        *,
        dtype: torch.dtype = torch.float32,
        is_compiled: bool = False,
    ) -> None:
        self.sensor = sensor
        size = (sensor.width, sensor.height)
        self.card = dataclasses.replace(card, input="events", sensor=size, is_decoded=True)
        letterbox = Letterbox(sensor, card.input_height, card.input_width)
        shape = (1, card.spec.num_channels, card.input_height, card.input_width)
        example = torch.zeros(shape, device=device)
        with torch.inference_mode():
            answer = Answer(self.card, module(example.to(dtype)))
            network = grid_graph(module, self.card, answer, example, dtype).module.to(device)
            self._notes: tuple[str, ...] = ()
            if is_compiled:
                network, self._notes = compiled(network, example)
        self.is_compiled = is_compiled and not self._notes
        self.gridder = make_gridder(card.spec, letterbox, device)
        self.network = network
        self._is_cuda = device.type == "cuda"
        lanes: list[Lane] = [CudaLane(), CudaLane()] if self._is_cuda else [HostLane(), HostLane()]
        self._stager, self._compute = Stager(device, *lanes), lanes[1]
        self._overflow = Overflow()
        self._program = self._new_program(None)
        self._host: dict[str, Tensor] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user must know."""
        of_replay = self._program.notes if isinstance(self._program, CudaReplay) else ()
        return (*self._notes, *of_replay, *self._overflow.notes)

    def stage(self, packet: EventPacket) -> Staged:
        """Begin to upload a window; another thread's ``run`` may go on meanwhile.

        Raises:
            ValueError: the packet is of another sensor, or its window too long.
        """
        self.gridder.check(packet)
        return self._stager.stage(self._overflow.newest(packet))

    def run(
        self, staged: Staged, memory: TorchMemory | None = None, *, elapsed: float = 1.0
    ) -> Outputs:
        """Return the decoded outputs for a staged window; the next call overwrites them.

        Args:
            staged: By this path.
            memory: Of the window's stream, where the network remembers.
            elapsed: Strides since the stream's window before.
        """
        self._stager.read(staged, lambda: self._answer(staged.rows, memory, elapsed))
        self._compute.mark().wait()
        return {name: tensor.numpy() for name, tensor in self._host.items()}

    def _answer(self, rows: Tensor, memory: TorchMemory | None, elapsed: float) -> None:
        """Write the outputs to the host; on CUDA they are there when the lane has come so far."""
        if memory is not None:
            self._program = self._program_of(memory)
            memory.elapsed.fill_(elapsed)
        with torch.inference_mode():
            outputs = dict(zip(self.card.outputs, self._program(rows), strict=True))
            for name, tensor in outputs.items():
                if name not in self._host:
                    self._host[name] = torch.empty(
                        tensor.shape, dtype=tensor.dtype, pin_memory=self._is_cuda
                    )
                self._host[name].copy_(tensor, non_blocking=True)

    def _program_of(self, memory: TorchMemory) -> Program:
        """Return what runs with a memory, and is freed with it: graphs hold its addresses."""
        if memory.program is None or memory.owner is not self:
            memory.owner, memory.program = self, self._new_program(memory)
        return memory.program

    def _new_program(self, memory: TorchMemory | None) -> Program:
        work = partial(self._say, memory)
        return CudaReplay(work) if self._is_cuda else work

    def _say(self, memory: TorchMemory | None, rows: Tensor) -> tuple[Tensor, ...]:
        grid = self.gridder.unpacked(rows)
        if memory is None:
            outputs: tuple[Tensor, ...] = self.network(grid)
            return outputs
        said = self.network(grid, memory.elapsed, *memory.tensors.values())
        num = len(self.card.outputs)
        memory.advance(said[num:])
        return tuple(said[:num])
