"""DevicePath: raw events to decoded outputs on one device; only those two cross the bus.

Windows are staged in pinned memory and copied on a stream of their own; representation, network
and decoding follow as one CUDA graph; labels and depth come back as the screen needs them.
"""

from __future__ import annotations

import copy
import dataclasses

import torch
from torch import Tensor, nn

from events.packet import EventPacket, SensorSize
from events.representations.letterbox import Letterbox
from export.backends.backend import Outputs
from export.engine_graph import OrderedOutputs
from export.event_input import Overflow
from export.replay import CudaReplay, Work, compiled
from export.staging import CudaLane, HostLane, Lane, Staged, Stager
from models.card import ModelCard
from models.device_decode import DeviceDecode, map_sizes
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
        is_compiled: Whether to try torch.compile.
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
            decode = DeviceDecode(card, letterbox, map_sizes(module(example.to(dtype))))
            network: nn.Module = OrderedOutputs(module, self.card.outputs, dtype, decode)
            network = network.eval().to(device)
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
        self._program: CudaReplay | Work = CudaReplay(self._say) if self._is_cuda else self._say
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

    def run(self, staged: Staged) -> Outputs:
        """Return the decoded outputs for a staged window; the next call overwrites them."""
        self._stager.read(staged, lambda: self._answer(staged.rows))
        self._compute.mark().wait()
        return {name: tensor.numpy() for name, tensor in self._host.items()}

    def _answer(self, rows: Tensor) -> None:
        """Write the outputs to the host; on CUDA they are there when the lane has come so far."""
        with torch.inference_mode():
            outputs = dict(zip(self.card.outputs, self._program(rows), strict=True))
            for name, tensor in outputs.items():
                if name not in self._host:
                    self._host[name] = torch.empty(
                        tensor.shape, dtype=tensor.dtype, pin_memory=self._is_cuda
                    )
                self._host[name].copy_(tensor, non_blocking=True)

    def _say(self, rows: Tensor) -> tuple[Tensor, ...]:
        outputs: tuple[Tensor, ...] = self.network(self.gridder.unpacked(rows))
        return outputs
