"""A convolutional gated recurrent unit over an encoder's last map, that forgets as time passes.

Source: ConvGRU of Ballas et al., "Delving Deeper into Convolutional Networks for Learning Video
Representations", ICLR 2016, equations 8 to 11; recurrence over event windows as in Gehrig and
Scaramuzza, "Recurrent Vision Transformers for Object Detection with Event Cameras" (RVT), CVPR
2023. Each channel's decay over the time that elapsed is that of Che et al., "Recurrent Neural
Networks for Multivariate Time Series with Missing Values" (GRU-D), 2018, with a learned rate.

The state is narrow and is added to the map through a projection that starts at zero: put behind a
network that was trained without it, the part changes nothing until it has learnt something.
"""

# B batch, S windows of a sequence, D channels of a map, C channels of the state, H rows, W columns

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.temporal.temporal import Memory, Temporal, TemporalConfig

FORGETTING_STRIDES = (4.0, 400.0)
"""After how many strides the fastest and the slowest channel keep 1/e, before training."""


@dataclass(frozen=True, kw_only=True)
class Config(TemporalConfig):
    """Sizes; the channels of the map are the encoder's."""

    state_width: int = 64
    """C: channels that are remembered."""
    kernel_size: int = 3
    """Of all convolutions but the projection back, in cells; odd."""

    def __post_init__(self) -> None:
        if self.state_width < 1:
            raise ValueError(f"state_width must be at least 1, got {self.state_width}")
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, from 1, got {self.kernel_size}")

    def build(self, width: int) -> ConvRecurrent:
        return ConvRecurrent(self, width)


class ConvRecurrent(Temporal):
    """Adds to each map what a gated state remembers of the maps before it."""

    def __init__(self, config: Config, width: int) -> None:
        super().__init__()
        self.config = config
        channels, size = config.state_width, config.kernel_size
        self.read = nn.Conv2d(width, 3 * channels, size, padding=size // 2)
        self.recall = nn.Conv2d(channels, 2 * channels, size, padding=size // 2, bias=False)
        self.propose = nn.Conv2d(channels, channels, size, padding=size // 2, bias=False)
        self.project = nn.Conv2d(channels, width, 1)
        nn.init.zeros_(self.project.weight)
        assert self.project.bias is not None
        nn.init.zeros_(self.project.bias)
        fast, slow = (math.log(strides) for strides in FORGETTING_STRIDES)
        self.log_rate = nn.Parameter(-torch.linspace(fast, slow, channels))

    def empty_memory(self, batch_size: int, height: int, width: int) -> Memory:
        shape = (batch_size, self.config.state_width, height, width)
        return {"state": self.log_rate.new_zeros(shape)}

    def step(self, map_BDHW: Tensor, elapsed_B: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        state = self._next(self.read(map_BDHW), elapsed_B, memory["state"])
        return map_BDHW + self.project(state), {"state": state}

    def sequence(self, maps_BSDHW: Tensor, elapsed_BS: Tensor) -> Tensor:
        batch_size, num_windows, _, height, width = maps_BSDHW.shape
        seen = self.read(maps_BSDHW.flatten(0, 1)).unflatten(0, (batch_size, num_windows))
        state = self.empty_memory(batch_size, height, width)["state"]
        states = []
        for i in range(num_windows):
            state = self._next(seen[:, i], elapsed_BS[:, i], state)
            states.append(state)
        added = self.project(torch.stack(states, 1).flatten(0, 1))
        return maps_BSDHW + torch.unflatten(added, 0, (batch_size, num_windows))

    def _next(self, seen_BCHW: Tensor, elapsed_B: Tensor, state_BCHW: Tensor) -> Tensor:
        """Return the state after a window; ``seen`` has 3 C channels: two gates' and the new."""
        channels = self.config.state_width
        kept_BC = torch.exp(-self.log_rate.float().exp() * elapsed_B.float()[:, None])
        state = state_BCHW * kept_BC.to(state_BCHW.dtype)[:, :, None, None]
        gates = torch.sigmoid(seen_BCHW[:, : 2 * channels] + self.recall(state))
        update, reset = gates.chunk(2, dim=1)
        proposed = torch.tanh(seen_BCHW[:, 2 * channels :] + self.propose(reset * state))
        return state + update * (proposed - state)
