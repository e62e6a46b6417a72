"""Network input, window after window: of a voxel grid each event is scattered once.

Bins lie at absolute times, one plane at the end of each, so that windows whose starts are whole
bins apart share planes: a window is a slice of a ring. With ``trailing`` placement the slice is the
grid from scratch, exactly: the plane at a window's start, the only one that would see events from
before it, is not part of the window.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from events.packet import EventPacket
from events.representations.letterbox import Letterbox
from events.representations.representation import Spec, check_sensor
from events.representations.ring import BinRing
from events.representations.scatter import bisect_time
from events.representations.voxel_grid import VoxelGridSpec

Grid = npt.NDArray[np.float32]


class SlidingGrid:
    """Makes network input of consecutive windows; equals ``Spec.network_input`` to 1e-6 on each.

    Windows may skip bins (dropped windows) and may jump: what the ring holds is used where it fits.
    Where a ring would not help, grids are made from scratch: those of other representations, those
    not ``trailing`` or not anchored on the window, windows of another length than ``window_us``,
    bins of a broken number of microseconds, and windows that share no bin with the one before: the
    first of a stream, those without overlap, and all where the stride is not a multiple of a bin.
    """

    def __init__(self, spec: Spec, letterbox: Letterbox, window_us: int) -> None:
        if window_us < 1:
            raise ValueError(f"window_us must be at least 1, got {window_us}")
        self.spec = spec
        self.letterbox = letterbox
        self.window_us = window_us
        self._ring: BinRing | None = None
        self._num_bins = self._bin_us = 0
        if (
            isinstance(spec, VoxelGridSpec)
            and spec.placement == "trailing"
            and spec.anchor == "window"
            and window_us % spec.num_bins == 0
        ):
            self._num_bins, self._bin_us = spec.num_bins, window_us // spec.num_bins
            self._ring = BinRing(spec, letterbox, self._bin_us)
        self._out = np.zeros((spec.num_channels, letterbox.height, letterbox.width), np.float32)
        self._previous: EventPacket | None = None

    def reset(self) -> None:
        """Forget all windows; to be called when the stream jumps."""
        self._previous = None

    def grid(self, packet: EventPacket) -> Grid:
        """Return the (C, height, width) float32 grid of a window: ``packet``'s span.

        The next call may overwrite the result. Without normalisation it may be the ring's own
        memory, then read-only.
        """
        check_sensor(packet, self.letterbox)
        num_new = self._num_new(packet)
        self._previous = packet
        if num_new is None or self._ring is None:
            if self._ring is not None:
                self._ring.clear()
            return self.spec.network_input(packet, self.letterbox, self._out)
        self._ring.scatter(packet, num_new)
        return self._ring.read(self._out)

    def _num_new(self, packet: EventPacket) -> int | None:
        """Return how many bins later than the one before a window is; None if a ring is no help."""
        previous = self._previous
        if previous is None or self._ring is None:
            return None
        if not packet.duration_us == previous.duration_us == self.window_us:
            return None
        num_new, remainder = divmod(packet.start_us - previous.start_us, self._bin_us)
        if remainder or not 0 <= num_new < self._num_bins:
            return None
        # The same span of another stream (a seek or a loop without reset) has other events.
        words, held = packet.words, previous.words
        num_shared = bisect_time(words, previous.end_us, 0, len(words))
        num_held = len(held) - bisect_time(held, packet.start_us, 0, len(held))
        return num_new if num_shared == num_held else None
