"""The contract of every representation: a Spec that travels with the weights."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket
from events.representations.letterbox import Letterbox

Grid = npt.NDArray[np.float32]


class Spec(ABC):
    """All that decides a representation's values; saved with models.

    A choice is one file in this folder: a frozen, keyword-only dataclass, named ``spec`` in it.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def num_channels(self) -> int:
        """C, planes of the representation."""

    @abstractmethod
    def build(self, packet: EventPacket) -> Grid:
        """Return the (C, H, W) float32 representation of a packet at its sensor's size.

        The packet's span is the window.
        """

    @abstractmethod
    def network_input(
        self, packet: EventPacket, letterbox: Letterbox, out: Grid | None = None
    ) -> Grid:
        """Return the (C, height, width) float32 network input of a packet.

        Args:
            packet: Events of one window, which is its span.
            letterbox: Made for the packet's sensor; places it in the input.
            out: C-contiguous float32 to overwrite instead of making a new array.

        Raises:
            ValueError: The letterbox was made for another sensor, or ``out`` does not fit.
        """


def spec_kinds() -> list[str]:
    """Return the names of all representations: the files of this folder that have a ``spec``."""
    folder = str(Path(__file__).parent)
    names = sorted(module.name for module in pkgutil.iter_modules([folder]))
    return [name for name in names if hasattr(_module(name), "spec")]


def describe_spec(spec: Spec) -> dict[str, Any]:
    """Return a Spec as plain values: its file's name under ``kind``, and its fields."""
    values = dataclasses.asdict(spec)  # type: ignore[call-overload]  # every Spec is a dataclass
    return {"kind": type(spec).__module__.rpartition(".")[2], **values}


def make_spec(values: Mapping[str, Any]) -> Spec:
    """Return the Spec that ``describe_spec`` described; lists become tuples.

    Raises:
        ValueError: there is no such representation, or it does not take these fields.
    """
    fields = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    kind = fields.pop("kind", "voxel_grid")  # cards of the first schema know no other
    try:
        make = _module(str(kind)).spec
    except (ModuleNotFoundError, AttributeError):
        raise ValueError(
            f"no representation {kind!r}; there are {', '.join(spec_kinds())}"
        ) from None
    try:
        spec: Spec = make(**fields)
    except TypeError as error:
        raise ValueError(f"representation {kind!r}: {error}") from None
    return spec


def check_choices(spec: Spec) -> None:
    """Raise ValueError if a field of ``spec`` is none of the values that its Literal type names."""
    for field, choices in get_type_hints(type(spec)).items():
        value = getattr(spec, field)
        if get_origin(choices) is Literal and value not in get_args(choices):
            raise ValueError(f"{field} must be one of {get_args(choices)}, got {value!r}")


def check_sensor(packet: EventPacket, letterbox: Letterbox) -> None:
    """Raise ValueError unless ``letterbox`` was made for the packet's sensor."""
    if packet.sensor != letterbox.sensor:
        raise ValueError(
            f"the letterbox was made for a {letterbox.sensor} sensor, "
            f"got a packet of {packet.sensor}"
        )


def grid_buffer(shape: tuple[int, int, int], out: Grid | None) -> Grid:
    """Return ``out`` if it can hold a grid of ``shape``, or a new array if it is None."""
    if out is None:
        return np.empty(shape, np.float32)
    if out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise ValueError(
            f"out must be C-contiguous float32 of shape {shape}, "
            f"got {out.dtype} of shape {out.shape}"
        )
    return out


def _module(name: str) -> Any:
    return importlib.import_module(f"events.representations.{name}")
