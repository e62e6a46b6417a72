"""The contract of every representation: a Spec that travels with the weights."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket


@runtime_checkable
class Spec(Protocol):
    """A frozen dataclass of all that decides a representation's values; saved with models."""

    @property
    def num_channels(self) -> int: ...

    def build(self, packet: EventPacket) -> npt.NDArray[np.float32]:
        """Return the (num_channels, height, width) float32 representation of a packet.

        Height and width are the sensor's.
        """
        ...
