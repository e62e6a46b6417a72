"""The contract of the torch twins of ``events.representations``: network input made on a device.

Each representation's twin is the file of its kind in this folder, with its class as ``gridder``.
The numba form is the definition; tests hold the twins equal to it.
"""

# B windows, C channels, H height, W width

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from events.packet import EventPacket
from events.representations.letterbox import Letterbox
from events.representations.representation import Spec, check_sensor, describe_spec
from models.representations.packed_events import PackedEvents, pack


class Gridder(ABC):
    """Makes network inputs of windows on a device; only the raw events travel there.

    A subclass is made with (spec, letterbox, device).
    """

    letterbox: Letterbox

    @abstractmethod
    def grids(self, packed: PackedEvents) -> Tensor:
        """Return the (B, C, height, width) float32 network inputs of windows, on the device.

        Each is what ``Spec.network_input`` returns of its window. Their sensor is the letterbox's.
        """

    def grid(self, packet: EventPacket) -> Tensor:
        """Return the (C, height, width) float32 network input of a packet, its span the window.

        Raises:
            ValueError: the letterbox was made for another sensor.
        """
        check_sensor(packet, self.letterbox)
        return self.grids(pack([packet]))[0]


def make_gridder(spec: Spec, letterbox: Letterbox, device: torch.device) -> Gridder:
    """Return the twin of a representation.

    Args:
        spec: Of the network's card.
        letterbox: Places the sensor in the network's input.
        device: Where the grids are made and stay.

    Raises:
        ValueError: the representation has no twin here.
    """
    kind = describe_spec(spec)["kind"]
    if kind not in gridder_kinds():
        raise ValueError(
            f"representation {kind!r} is not made on a device; "
            f"those that are: {', '.join(gridder_kinds())}"
        )
    gridder: Gridder = _module(kind).gridder(spec, letterbox, device)
    return gridder


def gridder_kinds() -> list[str]:
    """Return the names of all twins: the files of this folder that have a ``gridder``."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return [name for name in names if hasattr(_module(name), "gridder")]


def _module(name: str) -> Any:
    return importlib.import_module(f"models.representations.{name}")
