"""Chunks: what a format whose events can be read in stretches, in any order, has to say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from events.packet import EVENT_DTYPE, EventArray, SensorSize
from events.recordings.recording import Damage, Frame
from events.recordings.sensor_guess import KNOWN_SENSORS, SensorGuess

NO_EVENTS: EventArray = np.empty(0, EVENT_DTYPE)
LAST_US = 2**62
"""Later than any event: a larger time is damage."""
_SAMPLES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Events that are read at once, and what could not be read among them."""

    events: EventArray
    """(N,) as the file has them, unchecked."""
    num_lost: int = 0
    """Events known to have been here that cannot be read."""
    num_skipped_bytes: int = 0
    """Bytes that are no event."""
    is_damaged: bool = False
    """Whether the chunk could not be read at all."""


class Chunks(ABC):
    """The events of one open file in chunks, numbered from 0 in order of time."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def read(self, number: int) -> Chunk:
        """Return a chunk; one that is damaged says so instead of raising."""

    def first_us(self, number: int) -> int | None:
        """Return the time of a chunk's first event, cheaply; None where it has none."""
        t = self.read(number).events["t"]
        return int(t[0]) if len(t) else None

    def guess(self, t_us: int) -> int | None:
        """Return the chunk where ``t_us`` should lie by the file's own index, if it has one."""
        return None

    def guess_sensor(self) -> SensorSize | None:
        """Return the sensor's size, for a file that does not say it; None to give up.

        As SensorGuess says, of all known cameras, from up to 32 chunks between the first and the
        last. Events outside of it that come up later are dropped and counted.
        """
        guess = SensorGuess()
        last = len(self) - 1
        for number in sorted(set(np.linspace(0, last, _SAMPLES).astype(int).tolist())):
            if 0 <= number <= last:
                guess.add(self.read(number).events.view(np.int64).reshape(-1, 2))
        return guess.size(KNOWN_SENSORS) or KNOWN_SENSORS[0]

    @property
    def damage(self) -> Damage:
        """What is damaged beside the chunks."""
        return Damage()

    @abstractmethod
    def close(self) -> None: ...


class Frames(Protocol):
    """The images of one open file."""

    @property
    def times_us(self) -> npt.NDArray[np.int64]:
        """(K,) when each shutter opened."""
        ...

    def read(self, number: int) -> Frame | None:
        """Return one image; None if it is damaged."""
        ...
