"""The contract of every recording on disk: its streams, read by time, and what is damaged in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket, SensorSize

IMU_DTYPE: np.dtype[np.void] = np.dtype(
    [
        ("t", "<i8"),
        ("temperature_c", "<f4"),
        ("acceleration_g", "<f4", (3,)),
        ("rotation_deg_per_s", "<f4", (3,)),
        ("magnetic_field_ut", "<f4", (3,)),
    ]
)
"""One sample of the inertial unit: ``t`` in microseconds, vectors as x, y, z of the sensor."""

TRIGGER_DTYPE: np.dtype[np.void] = np.dtype([("t", "<i8"), ("kind", "i1")])
"""One external signal: ``t`` in microseconds; ``kind`` indexes TRIGGER_KINDS."""

TRIGGER_KINDS = (
    "timestamp reset",
    "external rising edge",
    "external falling edge",
    "external pulse",
    "generator rising edge",
    "generator falling edge",
    "frame start",
    "frame end",
    "exposure start",
    "exposure end",
)

MAX_QUIET_US = 3_600_000_000
"""A longer silence than this hour is read as a jump of the clock: no empty packets fill it."""


class RecordingError(Exception):
    """A recording cannot be read or written; the message says what and how to cure it."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image that the camera took beside its events."""

    t_us: int
    """When the shutter opened."""
    exposure_us: int
    """How long the shutter was open; 0 where the file does not say."""
    pixels: npt.NDArray[np.uint8]
    """(H, W) grey or (H, W, C) in the file's order (BGR, BGRA), read-only."""
    left: int = 0
    top: int = 0
    """Where the image's first pixel lies on the sensor."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a recording."""

    id: int
    kind: str
    """What it holds: events, frames, imu, triggers, or the file's own four letters."""
    name: str
    camera: str = ""
    sensor: SensorSize | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What could not be read so far; each thing is counted once however often it is met."""

    damaged_packets: int = 0
    """Packets skipped because they do not decode."""
    unknown_packets: int = 0
    """Packets skipped because their type or stream is not one we know."""
    lost_events: int = 0
    """Events known (from the index) to have been in damaged packets."""
    out_of_bounds_events: int = 0
    """Events dropped because they lie outside the sensor."""
    out_of_order_events: int = 0
    """Events dropped because their time runs backwards."""
    skipped_bytes: int = 0
    """Bytes that belong to no packet: a broken header, or a tail that was cut off."""
    index: str = ""
    """Why the file's own index was not used; empty when it was."""

    @property
    def is_clean(self) -> bool:
        """Whether every byte was read as it was written."""
        return all(getattr(self, field.name) in (0, "") for field in fields(self))

    @property
    def num_lost(self) -> int:
        """Events that are missing, as far as is known."""
        return self.lost_events + self.out_of_bounds_events + self.out_of_order_events

    def __str__(self) -> str:
        words = {
            "damaged_packets": "damaged packets skipped",
            "unknown_packets": "packets of unknown type skipped",
            "lost_events": "events lost with them",
            "out_of_bounds_events": "events outside the sensor dropped",
            "out_of_order_events": "events out of order dropped",
            "skipped_bytes": "bytes skipped",
        }
        found = [
            f"{getattr(self, name):,} {text}" for name, text in words.items() if getattr(self, name)
        ]
        return ", ".join([*found, *([f"index {self.index}"] if self.index else [])]) or "none"


@runtime_checkable
class Recording(Protocol):
    """A file of events that is read packet by packet; a context manager, for one thread at a time.

    A file that is still being written may be read: each call sees what has been written by then.
    """

    @property
    def path(self) -> Path: ...

    @property
    def format(self) -> str:
        """Format and compression in words, such as "AEDAT4 LZ4"."""
        ...

    @property
    def sensor(self) -> SensorSize: ...

    @property
    def is_sensor_guessed(self) -> bool:
        """Whether nobody said the sensor's size, so that it was told from where events are."""
        ...

    @property
    def camera(self) -> str:
        """Model and serial number as recorded; may be empty."""
        ...

    @property
    def streams(self) -> tuple[Stream, ...]: ...

    @property
    def start_us(self) -> int:
        """Time of the first event (of the first frame or sample, where there are no events)."""
        ...

    @property
    def end_us(self) -> int:
        """One past the time of the last event; ``start_us`` where the recording is empty."""
        ...

    @property
    def damage(self) -> Damage: ...

    def packets(
        self, start_us: int | None = None, end_us: int | None = None, duration_us: int = 10_000
    ) -> Iterator[EventPacket]:
        """Yield touching packets of ``duration_us`` over what is recorded of [start_us, end_us).

        Empty ones too; the last may be shorter. After a silence of more than MAX_QUIET_US the next
        packet does not touch.
        """
        ...

    def events_between(self, start_us: int, end_us: int) -> EventPacket:
        """Return the events in [start_us, end_us); its memory is the caller's choice."""
        ...

    def frames(self, start_us: int | None = None, end_us: int | None = None) -> Iterator[Frame]: ...

    def imu(
        self, start_us: int | None = None, end_us: int | None = None
    ) -> Iterator[npt.NDArray[np.void]]:
        """Yield (N,) batches of IMU_DTYPE."""
        ...

    def triggers(
        self, start_us: int | None = None, end_us: int | None = None
    ) -> Iterator[npt.NDArray[np.void]]:
        """Yield (N,) batches of TRIGGER_DTYPE."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def read_start(path: Path, num_bytes: int) -> bytes:
    """Return the first bytes of a file.

    Raises:
        RecordingError: There is no such file, or it cannot be opened; the message says which.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise RecordingError(f"{path} is not a file but a device or a pipe: name a file")
        with path.open("rb") as file:
            return file.read(num_bytes)
    except FileNotFoundError:
        raise RecordingError(f"{path} does not exist: check the path") from None
    except IsADirectoryError:
        raise RecordingError(f"{path} is a directory: name a file inside it") from None
    except PermissionError:
        if path.is_dir():
            raise RecordingError(f"{path} is a directory: name a file inside it") from None
        raise RecordingError(
            f"{path} may not be read by this user: check its permissions"
        ) from None
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror or error}") from None
