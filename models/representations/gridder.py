"""The contract of the torch twins of ``events.representations``: network input made on a device.

Each representation's twin is the file of its kind in this folder, with its class as ``gridder``.
The numba form is the definition; tests hold the twins equal to it. A twin can be exported: its sums
are float32 and its arithmetic of time whole numbers, with operators that every runtime knows.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from events.packet import EventPacket
from events.representations.letterbox import Letterbox
from events.representations.representation import Spec, check_sensor, describe_spec
from models.representations.cells import Cells, DeviceEvents
from models.representations.packed import pack

Duration = int | Tensor
"""Of a window in microseconds; a () integer tensor where it is known on the device only."""


class Gridder(nn.Module):
    """Makes network input of events on a device; only the raw events travel there.

    A subclass is made with (spec, letterbox).
    """

    max_duration_us: int = 2**31 - 1
    """Of a window: its times are int32."""

    def __init__(self, letterbox: Letterbox, *, is_direct: bool) -> None:
        super().__init__()
        self.letterbox = letterbox
        self.cells = Cells(letterbox, is_direct=is_direct)

    @abstractmethod
    def planes(self, events: DeviceEvents, duration_us: Duration) -> Tensor:
        """Return the (C, height, width) float32 network input of a window's events."""

    def forward(self, t: Tensor, x: Tensor, y: Tensor, p: Tensor, duration_us: Duration) -> Tensor:
        """Return the (1, C, height, width) network input of four (N,) int32 columns, N > 0.

        The columns are as ModelCard.input says: -1 in all four where a row is padding.
        """
        return self.planes(self.cells(t, x, y, p), duration_us)[None]

    def unpacked(self, rows: Tensor) -> Tensor:
        """Return the (1, C, height, width) network input of packed rows; see ``packed``."""
        return self.planes(self.cells.unpacked(rows), rows[0, 1].to(torch.int32))[None]

    def stacked(self, rows: Tensor) -> Tensor:
        """Return the (B, C, height, width) network inputs of B windows' packed rows, all at once.

        Args:
            rows: (B, 2 + N, 2) int64, shorter windows filled up with anything; see ``packed``.
        """
        grids: Tensor = torch.vmap(self.unpacked)(rows)
        return grids[:, 0]

    def grid(self, packet: EventPacket) -> Tensor:
        """Return the (C, height, width) float32 network input of a packet.

        The packet's span is the window; the same as ``Spec.network_input``, on the device.

        Raises:
            ValueError: the letterbox was made for another sensor, or the window is too long.
        """
        self.check(packet)
        return self.unpacked(torch.from_numpy(pack(packet)).to(self.cells.rows.device))[0]

    def check(self, packet: EventPacket) -> None:
        """Raise ValueError if this cannot make the grid of ``packet``."""
        check_sensor(packet, self.letterbox)
        self.check_duration(packet.duration_us)

    def check_duration(self, duration_us: int) -> None:
        """Raise ValueError if this cannot make the grid of so long a window."""
        if duration_us > self.max_duration_us:
            raise ValueError(
                f"a window may last {self.max_duration_us / 1e6:.0f} s where its grid is made of "
                f"raw events, got {duration_us / 1e6:.0f} s: take shorter windows"
            )


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
    gridder: Gridder = _module(kind).gridder(spec, letterbox)
    return gridder.to(device)


def gridder_kinds() -> list[str]:
    """Return the names of all twins: the files of this folder that have a ``gridder``."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return [name for name in names if hasattr(_module(name), "gridder")]


def _module(name: str) -> Any:
    return importlib.import_module(f"models.representations.{name}")
