"""RecordLayout: where the bits of an event are in formats of 8 bytes an event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from events.packet import SensorSize
from events.recordings.word_stream import Decoder, Rows


@dataclass(frozen=True, kw_only=True)
class RecordLayout:
    """Two 32-bit words, one the address and one the time in microseconds."""

    is_big_endian: bool = False
    is_time_first: bool = True
    x_shift: int
    x_bits: int
    y_shift: int
    y_bits: int
    p_shift: int
    is_on_zero: bool = False
    """Whether bit 0 at ``p_shift`` means brighter."""
    flipped: SensorSize | None = None
    """The sensor's size, where the origin is the corner opposite of the top-left one."""
    event_mask: int = 0
    event_value: int = 0
    """A word whose bits in the mask have this value is an event."""
    trigger_mask: int = 0
    trigger_value: int = 0
    """As of events, for signals from outside; mask 0 is none. Other words are left out."""

    def decoder(self) -> Decoder:
        """Return the decoder of this layout."""
        # Imported here: numba takes longer to load than it takes to tell formats apart.
        from events.recordings.record_kernels import decode_records

        layout = self._numbers()

        def decode(
            data: npt.NDArray[np.uint8], state: Rows, events: Rows, triggers: Rows, counts: Rows
        ) -> tuple[int, int, int]:
            found: tuple[int, int, int] = decode_records(
                data, state, events, triggers, counts, layout
            )
            return found

        return Decoder(decode=decode, events_per_byte=1 / 8)

    def _numbers(self) -> npt.NDArray[np.int64]:
        """Return the layout as decode_records takes it."""
        size = self.flipped
        x_last, y_last = (size.width - 1, size.height - 1) if size else (-1, -1)
        return np.array(
            [
                self.is_big_endian,
                0 if self.is_time_first else 1,
                *(self.x_shift, (1 << self.x_bits) - 1, x_last),
                *(self.y_shift, (1 << self.y_bits) - 1, y_last),
                *(self.p_shift, self.is_on_zero),
                *(self.event_mask, self.event_value),
                *(self.trigger_mask, self.trigger_value),
            ],
            np.int64,
        )
